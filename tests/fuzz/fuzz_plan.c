// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Any host, any request: no crash, no overflow, and the promises of plan.h hold.
 */
#include "plan_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	plan_input_run(data, size);
	return 0;
}
