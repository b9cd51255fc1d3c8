/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one parser of sizes and the one of times, and how sizes, counts and times are written for
 * people. 8G = 8GiB = 2^33 as QEMU and libvirt read it, 8GB = 8x10^9; a plain number counts in the
 * unit the caller names. A plain time is seconds.
 */
#ifndef GR_BASE_SIZE_H
#define GR_BASE_SIZE_H

#include <stdint.h>

#include "base/error.h"

#define GR_KIB (UINT64_C(1) << 10)
#define GR_MIB (UINT64_C(1) << 20)
#define GR_GIB (UINT64_C(1) << 30)

#define GR_TEXT_MAX 48 /* enough for any text made by the functions below */

/**
 * gr_parse_size - read a size in bytes
 * @text: digits, an optional decimal fraction, an optional unit (B, K, KiB, KB, ... E; any case)
 * @plain_unit: what a number without a unit counts in, in bytes (1, GR_MIB ...)
 *
 * The value has to be a whole number of bytes. 0 is a size; callers refuse it where it is none.
 * Return: 0, -EINVAL (junk, sign, empty) or -ERANGE (more than 2^64 - 1 bytes).
 */
int gr_parse_size(const char *text, uint64_t plain_unit, uint64_t *ret_bytes,
		  struct gr_error *err);

/**
 * gr_parse_duration - read a time in nanoseconds
 * @text: digits, an optional decimal fraction, an optional unit (ns, us, ms, s, min, h)
 *
 * A number without a unit is seconds. The value has to be a whole number of nanoseconds; 0 is a
 * time, as above. Return: 0, -EINVAL (junk, sign, empty) or -ERANGE (over 2^64 - 1 ns, 584 years).
 */
int gr_parse_duration(const char *text, uint64_t *ret_ns, struct gr_error *err);

/** gr_size_text - "2 MiB", "1.5 GiB", "1,000 B": exact where short, else 2 decimals. */
const char *gr_size_text(uint64_t bytes, char buf[GR_TEXT_MAX]);

/** gr_size_arg - the shortest exact form that gr_parse_size reads back: "2M", "8193M", "3K". */
const char *gr_size_arg(uint64_t bytes, char buf[GR_TEXT_MAX]);

/** gr_count_text - "4,096". */
const char *gr_count_text(uint64_t n, char buf[GR_TEXT_MAX]);

/** gr_plural - what a noun behind @n takes: "%s page%s". */
static inline const char *gr_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/** gr_are - the verb behind @n things. */
static inline const char *gr_are(uint64_t n)
{
	return n == 1 ? "is" : "are";
}

/** gr_time_text - "1.25 s", "33 ms", "410 us". */
const char *gr_time_text(uint64_t ns, char buf[GR_TEXT_MAX]);

#endif
