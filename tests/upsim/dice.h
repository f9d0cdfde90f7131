/* dice.h: seeded random numbers, so that a run can be repeated. */
#ifndef UPSIM_DICE_H
#define UPSIM_DICE_H

#include <stdint.h>

struct dice {
    uint64_t state; /* any value is a seed */
};

uint64_t dice_next(struct dice *dice);

/* Uniform from `low` to `high`, both included. */
uint64_t dice_between(struct dice *dice, uint64_t low, uint64_t high);

/* Uniform in [0, 1). */
double dice_share(struct dice *dice);

/* Scrambles a number: equal ones alike, near ones not. */
uint64_t dice_mix(uint64_t value);

/* A hash of bytes for tables and seeds; not for strangers to attack. */
uint64_t dice_hash(const char *bytes, uint64_t length);

#endif
