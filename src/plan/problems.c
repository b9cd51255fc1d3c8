// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lists of problems and of texts. They swallow a failed allocation and remember it, so that code
 * which collects a dozen reasons reads as a dozen reasons.
 */
#include "plan/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

/* clang-format off */
static const struct {
	const char *code;
	bool impossible;
} kinds[] = {
	[GR_P_NO_MEMORY] = { "GR201", true },
	[GR_P_PAGE_SIZE] = { "GR202", true },
	[GR_P_TOO_SMALL] = { "GR203", true },
	[GR_P_CONTRADICTION] = { "GR204", true },
	[GR_P_TOO_LARGE] = { "GR205", false },
	[GR_P_NO_NODE] = { "GR206", true },
	[GR_P_NODE_EMPTY] = { "GR207", true },
	[GR_P_NODE_FORBIDDEN] = { "GR208", false },
	[GR_P_FLOOR] = { "GR209", false },
	[GR_P_CGROUP] = { "GR210", false },
	[GR_P_SHARED_THP] = { "GR211", false },
	[GR_P_NO_THP] = { "GR212", false },
	[GR_P_POOL] = { "GR213", false },
	[GR_P_OBTAIN] = { "GR214", false },
	[GR_P_NO_POOLS] = { "GR215", false },
	[GR_P_TOO_MANY] = { "GR216", true },
};
/* clang-format on */
_Static_assert(GR_ARRAY_SIZE(kinds) == GR_P_COUNT, "every problem has a code");

static __attribute__((format(printf, 1, 0))) char *text_of(const char *fmt, va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

/* Takes @message; NULL is one that there was no memory for. */
static void add(struct gr_problems *problems, const char *code, char *message)
{
	struct gr_problem *problem;

	if (!message ||
	    gr_grow(&problems->problems, problems->count, sizeof(*problems->problems)) < 0) {
		free(message);
		problems->lost = true;
		return;
	}
	problem = &problems->problems[problems->count++];
	snprintf(problem->code, sizeof(problem->code), "%s", code);
	problem->message = message;
}

void gr_problems_add(struct gr_problems *problems, enum gr_problem_id id, const char *fmt, ...)
{
	va_list ap;

	problems->impossible |= kinds[id].impossible;
	va_start(ap, fmt);
	add(problems, kinds[id].code, text_of(fmt, ap));
	va_end(ap);
}

void gr_problems_hint(struct gr_problems *problems, const char *fmt, ...)
{
	struct gr_problem *problem;
	va_list ap;

	if (problems->lost || problems->count == 0)
		return;
	problem = &problems->problems[problems->count - 1];
	free(problem->hint);
	va_start(ap, fmt);
	problem->hint = text_of(fmt, ap);
	va_end(ap);
	problems->lost |= !problem->hint;
}

static bool has_message(const struct gr_problems *problems, const char *message)
{
	for (size_t i = 0; i < problems->count; i++) {
		if (!strcmp(problems->problems[i].message, message))
			return true;
	}
	return false;
}

void gr_problems_merge(struct gr_problems *problems, const struct gr_problems *from)
{
	problems->impossible |= from->impossible;
	problems->lost |= from->lost;
	for (size_t i = 0; i < from->count; i++) {
		const struct gr_problem *problem = &from->problems[i];

		if (has_message(problems, problem->message))
			continue;
		add(problems, problem->code, strdup(problem->message));
		if (problem->hint)
			gr_problems_hint(problems, "%s", problem->hint);
	}
}

void gr_problems_done(struct gr_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->problems[i].message);
		free(problems->problems[i].hint);
	}
	free(problems->problems);
	*problems = (struct gr_problems){ 0 };
}

void gr_texts_add(struct gr_texts *texts, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_of(fmt, ap);
	va_end(ap);
	if (!text || gr_grow(&texts->texts, texts->count, sizeof(*texts->texts)) < 0) {
		free(text);
		texts->lost = true;
		return;
	}
	texts->texts[texts->count++] = text;
}

void gr_texts_done(struct gr_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->texts[i]);
	free(texts->texts);
	*texts = (struct gr_texts){ 0 };
}
