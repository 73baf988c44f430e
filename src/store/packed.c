/* Sums of a part in few bytes. */
#include "store/store_internal.h"

/* ---- images by class ----------------------------------------------------------------------------------------- */

enum { MOST_BYTES = 5 }; /* of a number below 2^32 */

size_t class_counts_room(int32_t classes)
{
    return (size_t)classes * 2 * MOST_BYTES;
}

static unsigned char *put(unsigned char *at, uint32_t number)
{
    for (; number >= 0x80; number >>= 7)
        *at++ = (unsigned char)(number | 0x80);
    *at++ = (unsigned char)number;
    return at;
}

int class_counts_pack(const int32_t *counts, int32_t classes, unsigned char *packed)
{
    unsigned char *at = packed;
    int32_t next = 0;
    for (int32_t c = 0; c < classes; c++)
        if (counts[c] > 0) {
            at = put(at, (uint32_t)(c - next));
            at = put(at, (uint32_t)counts[c]);
            next = c + 1;
        }
    return (int)(at - packed);
}

/* The number at *at, which is moved behind it; -1 where there is none before `end`. */
static int64_t get(const unsigned char **at, const unsigned char *end)
{
    int64_t number = 0;
    for (int shift = 0; *at < end && shift < 7 * MOST_BYTES; shift += 7) {
        unsigned char byte = *(*at)++;
        number |= (int64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    return -1;
}

bool class_counts_add(const unsigned char *packed, int bytes, int64_t *sums, int32_t classes)
{
    const unsigned char *at = packed, *end = packed + bytes;
    int64_t next = 0;
    while (at < end) {
        int64_t skipped = get(&at, end), count = get(&at, end);
        if (skipped < 0 || count <= 0 || next + skipped >= classes)
            return false;
        sums[next + skipped] += count;
        next += skipped + 1;
    }
    return true;
}

/* ---- drift --------------------------------------------------------------------------------------------------- */

void drift_pack(const int64_t *sums, int layers, unsigned char *packed)
{
    for (int i = 0; i < layers; i++)
        for (int byte = 0; byte < DRIFT_BYTES; byte++)
            *packed++ = (unsigned char)((uint64_t)sums[i] >> 8 * byte);
}

bool drift_add(const unsigned char *packed, int64_t *sums, int layers)
{
    for (int i = 0; i < layers; i++) {
        uint64_t sum = 0;
        for (int byte = 0; byte < DRIFT_BYTES; byte++)
            sum |= (uint64_t)*packed++ << 8 * byte;
        if (sum > INT64_MAX || __builtin_add_overflow(sums[i], (int64_t)sum, &sums[i]))
            return false;
    }
    return true;
}
