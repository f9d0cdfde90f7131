/* SplitMix64: one addition and one mixing a number, and every seed is as good as another. */
#include "upsim/dice.h"

#include <assert.h>
#include <string.h>

uint64_t dice_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

uint64_t dice_next(struct dice *dice)
{
    dice->state += 0x9E3779B97F4A7C15u;
    return dice_mix(dice->state);
}

/* The remainder favours small numbers by one part in 2^64 / range: nobody will see it here. */
uint64_t dice_between(struct dice *dice, uint64_t low, uint64_t high)
{
    assert(low <= high);
    return low == high ? low : low + dice_next(dice) % (high - low + 1);
}

double dice_share(struct dice *dice)
{
    return (double)(dice_next(dice) >> 11) * 0x1p-53;
}

uint64_t dice_hash(const char *bytes, uint64_t length)
{
    uint64_t hash = length;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = dice_mix(hash ^ word) + 0x9E3779B97F4A7C15u;
    }
    uint64_t rest = 0;
    memcpy(&rest, bytes, length);
    return dice_mix(hash ^ rest);
}
