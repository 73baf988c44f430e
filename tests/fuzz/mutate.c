#include "mutate.h"

#include <string.h>

static size_t below(lsn_random *random, size_t limit)
{
    return limit == 0 ? 0 : (size_t)lsn_random_below(random, limit);
}

static void set_byte(input *to, const input *other, lsn_random *random)
{
    (void)other;
    if (to->bytes > 0)
        to->data[below(random, to->bytes)] = (unsigned char)lsn_random_next(random);
}

static void flip_bit(input *to, const input *other, lsn_random *random)
{
    (void)other;
    if (to->bytes > 0)
        to->data[below(random, to->bytes)] ^= (unsigned char)(1u << below(random, 8));
}

/* Digits and punctuation: what text formats are made of. */
static void set_character(input *to, const input *other, lsn_random *random)
{
    (void)other;
    static const char alphabet[] = "0123456789-+.eE[]{}(),:;\"'#&*!|>%@ \n\t\\/=_aFx";
    if (to->bytes > 0)
        to->data[below(random, to->bytes)] = (unsigned char)alphabet[below(random, sizeof alphabet - 1)];
}

/* Whole numbers near limits, 1 to 8 bytes wide, of either byte order. */
static void set_number(input *to, const input *other, lsn_random *random)
{
    (void)other;
    static const uint64_t numbers[] = {
        0,
        1,
        2,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        0x10000,
        0x7fffffff,
        0x80000000u,
        0xffffffff,
        0x100000000,
        INT64_MAX,
        (uint64_t)INT64_MAX + 1,
        UINT64_MAX,
        UINT64_MAX - 7,
        4294967295u / 3,
        1ull << 40,
        1ull << 62,
    };
    size_t width = (size_t)1 << below(random, 4);
    uint64_t number = numbers[below(random, sizeof numbers / sizeof *numbers)];
    int big = (int)below(random, 2);
    if (to->bytes < width)
        return;
    unsigned char *at = to->data + below(random, to->bytes - width + 1);
    for (size_t i = 0; i < width; i++)
        at[i] = (unsigned char)(number >> (8 * (big ? width - 1 - i : i)));
}

static void remove_bytes(input *to, const input *other, lsn_random *random)
{
    (void)other;
    size_t at = below(random, to->bytes), count = below(random, below(random, to->bytes - at + 1) + 1);
    memmove(to->data + at, to->data + at + count, to->bytes - at - count);
    to->bytes -= count;
}

static void truncate_bytes(input *to, const input *other, lsn_random *random)
{
    (void)other;
    if (below(random, 4) == 0)
        to->bytes = below(random, to->bytes + 1);
}

/* Copies a stretch of `from` to a place of `to`, over what is there or in between. */
static void copy_bytes(input *to, const input *from, lsn_random *random)
{
    size_t begin = below(random, from->bytes), count = 1 + below(random, below(random, from->bytes - begin) + 1);
    size_t at = below(random, to->bytes + 1);
    bool insert = below(random, 2) == 0;
    if (count > from->bytes - begin || count > to->room - to->bytes || (!insert && count > to->bytes - at))
        return;
    unsigned char stretch[256];
    count = count < sizeof stretch ? count : sizeof stretch;
    memcpy(stretch, from->data + begin, count);
    if (insert) {
        memmove(to->data + at + count, to->data + at, to->bytes - at);
        to->bytes += count;
    }
    memcpy(to->data + at, stretch, count);
}

static void copy_own(input *to, const input *other, lsn_random *random)
{
    (void)other;
    copy_bytes(to, to, random);
}

void mutate(input *to, const input *other, lsn_random *random)
{
    static void (*const ways[])(input *, const input *, lsn_random *) = {
        set_byte, flip_bit, set_character, set_number, remove_bytes, truncate_bytes, copy_own, copy_bytes,
    };
    for (size_t rest = 1 + below(random, 8); rest > 0; rest--)
        ways[below(random, sizeof ways / sizeof *ways)](to, other, random);
}
