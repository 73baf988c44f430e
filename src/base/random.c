/* Seeded random numbers: xoshiro256**, the same on every machine. */
#include "lesion/base.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void lsn_random_init(lsn_random *random, uint64_t seed, uint64_t stream)
{
    uint64_t mix = stream;
    uint64_t state = seed ^ splitmix64(&mix);
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix64(&state);
}

uint64_t lsn_random_next(lsn_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t lsn_random_below(lsn_random *random, uint64_t below)
{
    __extension__ typedef unsigned __int128 wide; /* GNU C: the high half of a 64 x 64 bit product */
    wide product = (wide)lsn_random_next(random) * below;
    if ((uint64_t)product < below) {
        uint64_t floor = -below % below;
        while ((uint64_t)product < floor)
            product = (wide)lsn_random_next(random) * below;
    }
    return (uint64_t)(product >> 64);
}

void lsn_random_choose(lsn_random *random, int32_t *items, size_t count, size_t take)
{
    for (size_t i = 0; i < take; i++) {
        size_t j = i + lsn_random_below(random, count - i);
        int32_t item = items[i];
        items[i] = items[j];
        items[j] = item;
    }
}
