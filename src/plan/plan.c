// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The finished plan: freeing it, and turning its problems into the one error of a command.
 */
#include <string.h>

#include "base/util.h"
#include "plan/scope.h"

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

void gr_plan_free(struct gr_plan *plan)
{
	if (!plan)
		return;
	free_texts(plan->reasons, plan->reason_count);
	for (size_t i = 0; i < plan->alternative_count; i++)
		free_texts(plan->alternatives[i].reasons, plan->alternatives[i].reason_count);
	for (size_t i = 0; i < plan->problem_count; i++) {
		free(plan->problems[i].message);
		free(plan->problems[i].hint);
	}
	free(plan->problems);
	free(plan->alternatives);
	free(plan->arithmetic);
	free(plan->grants);
	free(plan);
}

int gr_plan_error(const struct gr_plan *plan, struct gr_error *err)
{
	const struct gr_problem *first = plan->problems;
	int r;

	if (plan->problem_count == 0)
		return 0;
	r = plan->impossible ? gr_error_set(err, GR_CLASS_USAGE, EINVAL, "%s", first->message)
			     : gr_error_set(err, GR_CLASS_HOST, ENOMEM, "%s", first->message);
	if (err && plan->problem_count > 1) {
		size_t n = strlen(err->message);

		snprintf(err->message + n, sizeof(err->message) - n, " (and %zu more)",
			 plan->problem_count - 1);
	}
	if (first->hint)
		gr_error_hint(err, "%s", first->hint);
	return r;
}

int gr_plan_check_aligned(const struct gr_plan *plan, const struct gr_request *request,
			  struct gr_error *err)
{
	if (!plan->misaligned)
		return 0;
	for (size_t i = 0; i < request->need_count && i < GR_PLAN_NEEDS_MAX; i++) {
		uint64_t bytes = request->needs[i].memory_bytes, size = plan->page_size_of_need[i];
		char all[GR_TEXT_MAX], page[GR_TEXT_MAX], below[GR_TEXT_MAX], above[GR_TEXT_MAX];

		if (!size || bytes % size == 0)
			continue;
		gr_error_set(err, GR_CLASS_USAGE, EINVAL, "%s is no multiple of the page size, %s",
			     gr_size_arg(bytes, all), gr_size_text(size, page));
		gr_error_hint(err, "the nearest sizes are %s and %s",
			      gr_size_arg(bytes - bytes % size, below),
			      gr_size_arg(gr_mul_sat(gr_div_up(bytes, size), size), above));
		return -EINVAL;
	}
	return 0;
}
