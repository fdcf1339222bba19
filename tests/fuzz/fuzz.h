/* SPDX-License-Identifier: ISC */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The entry that libFuzzer calls; each fuzz_NAME.c has one. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What must hold for every input. */
#define MUST(condition) do { if (!(condition)) __builtin_trap(); } while (0)

#endif
