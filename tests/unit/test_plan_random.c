// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * 20,000 hosts and requests from a fixed seed: what must hold for every plan holds for them. The
 * properties are those of the fuzz target.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../fuzz/plan_input.h"

#define ROUNDS 20000

static uint64_t next_random(uint64_t *state)
{
	/* xorshift64*: the same numbers on every machine. */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static void test_random(void **state)
{
	uint64_t seed = UINT64_C(0x6775657374);
	unsigned int seen[GR_BACKING_COUNT] = { 0 };
	uint8_t data[2048];

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = (uint8_t)(next_random(&seed) >> 56);
		seen[plan_input_run(data, sizeof(data))]++;
	}
	/* Every outcome was among them, or the hosts are not worth much. */
	for (int i = 0; i < GR_BACKING_COUNT; i++) {
		print_message("%s: %u\n", gr_backing_name((enum gr_backing)i), seen[i]);
		assert_true(seen[i] > 50);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
