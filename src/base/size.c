// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sizes in and out of text. The parser works on digits, with overflow checks, and never through
 * floating point: 1.5G is 15 x 2^30 / 10, refused where that is no whole number of bytes.
 */
#include "base/size.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

static const char unit_letters[] = "KMGTPE";

/* The multiplier that @unit names, 0 if none does. "" means @plain_unit. */
static uint64_t unit_bytes(const char *unit, uint64_t plain_unit)
{
	uint64_t bytes = 1, step;
	const char *letter;

	if (!*unit)
		return plain_unit;
	if (!strcasecmp(unit, "b"))
		return 1;
	letter = strchr(unit_letters, toupper((unsigned char)*unit));
	if (!letter)
		return 0;
	if (!unit[1] || !strcasecmp(unit + 1, "i") || !strcasecmp(unit + 1, "ib"))
		step = 1024;
	else if (!strcasecmp(unit + 1, "b"))
		step = 1000;
	else
		return 0;
	for (const char *l = unit_letters; l <= letter; l++)
		bytes *= step;
	return bytes;
}

static int too_large(const char *text, struct gr_error *err)
{
	return gr_error_set(err, GR_CLASS_USAGE, ERANGE, "size '%.64s' is more than 64 bits can hold",
			    text);
}

int gr_parse_size(const char *text, uint64_t plain_unit, uint64_t *ret_bytes,
		  struct gr_error *err)
{
	uint64_t number = 0, divisor = 1, unit;
	unsigned __int128 bytes;
	const char *p = text;
	bool fraction = false;
	int digits = 0;

	for (;; p++) {
		if (*p == '.' && !fraction && digits) {
			fraction = true;
			continue;
		}
		if (*p < '0' || *p > '9')
			break;
		digits++;
		if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
			return too_large(text, err);
		if (fraction && __builtin_mul_overflow(divisor, UINT64_C(10), &divisor))
			return too_large(text, err); /* more digits than bytes have */
	}
	unit = digits && p[-1] != '.' ? unit_bytes(p, plain_unit) : 0;
	if (!unit) {
		int r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%.64s' is not a size", text);

		gr_error_hint(err, "sizes look like 8G, 8192M (powers of 1024) or 8GB (powers of 1000)");
		return r;
	}
	bytes = (unsigned __int128)number * unit;
	if (bytes % divisor)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "size '%.64s' is not a whole number of bytes", text);
	bytes /= divisor;
	if (bytes > UINT64_MAX)
		return too_large(text, err);
	*ret_bytes = (uint64_t)bytes;
	return 0;
}

const char *gr_count_text(uint64_t n, char buf[GR_TEXT_MAX])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), out = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[out++] = ',';
		buf[out++] = digits[i];
	}
	buf[out] = '\0';
	return buf;
}

const char *gr_size_text(uint64_t bytes, char buf[GR_TEXT_MAX])
{
	uint64_t unit = 1, whole, hundredths;
	int power = -1;

	while (power < 5 && bytes / unit >= 1024) {
		unit *= 1024;
		power++;
	}
	if (power < 0) {
		snprintf(buf, GR_TEXT_MAX, "%" PRIu64 " B", bytes);
		return buf;
	}
	/* 1,023 MiB rather than 0.999 GiB; 5,500 MiB (exact) rather than 5.37 GiB. */
	if (bytes % unit && power > 0 && bytes % (unit / 1024) == 0 && bytes / (unit / 1024) < 10240) {
		gr_count_text(bytes / (unit / 1024), buf);
		power--;
	} else {
		whole = bytes / unit;
		hundredths = (uint64_t)((unsigned __int128)(bytes % unit) * 100 / unit);
		if (hundredths == 0)
			snprintf(buf, GR_TEXT_MAX, "%" PRIu64, whole);
		else if (hundredths % 10 == 0)
			snprintf(buf, GR_TEXT_MAX, "%" PRIu64 ".%" PRIu64, whole, hundredths / 10);
		else
			snprintf(buf, GR_TEXT_MAX, "%" PRIu64 ".%02" PRIu64, whole, hundredths);
	}
	whole = strlen(buf);
	snprintf(buf + whole, GR_TEXT_MAX - whole, " %ciB", unit_letters[power]);
	return buf;
}

const char *gr_size_arg(uint64_t bytes, char buf[GR_TEXT_MAX])
{
	int power = -1;

	while (power < 5 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		power++;
	}
	if (power < 0)
		snprintf(buf, GR_TEXT_MAX, "%" PRIu64 "B", bytes);
	else
		snprintf(buf, GR_TEXT_MAX, "%" PRIu64 "%c", bytes, unit_letters[power]);
	return buf;
}

const char *gr_time_text(uint64_t ns, char buf[GR_TEXT_MAX])
{
	if (ns < 10000)
		snprintf(buf, GR_TEXT_MAX, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000)
		snprintf(buf, GR_TEXT_MAX, "%.0f us", (double)ns / 1e3);
	else if (ns < 10000000)
		snprintf(buf, GR_TEXT_MAX, "%.1f ms", (double)ns / 1e6);
	else if (ns < 1000000000)
		snprintf(buf, GR_TEXT_MAX, "%.0f ms", (double)ns / 1e6);
	else
		snprintf(buf, GR_TEXT_MAX, "%.2f s", (double)ns / 1e9);
	return buf;
}
