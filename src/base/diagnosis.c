// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A list that grows, and texts that are formatted into it. After the first addition that fails for
 * want of memory nothing is added any more, so that texts never end up at the wrong diagnosis.
 */
#include "base/diagnosis.h"

#include <stdarg.h>
#include <string.h>

#include "base/util.h"

static const char *const severity_names[] = {
	[GR_INFO] = "info",
	[GR_WARNING] = "warning",
	[GR_ERROR] = "error",
};
_Static_assert(GR_ARRAY_SIZE(severity_names) == GR_SEVERITY_COUNT, "a name for every severity");

const char *gr_severity_name(enum gr_severity severity)
{
	return severity < GR_SEVERITY_COUNT ? severity_names[severity] : "unknown";
}

static char *text_of(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

static char *text_of(const char *fmt, va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

void gr_diagnose(struct gr_diagnoses *list, const char *code, enum gr_severity severity,
		 const char *fmt, ...)
{
	struct gr_diagnosis *item;
	va_list ap;

	if (list->lost)
		return;
	if (gr_grow(&list->items, list->count, sizeof(*list->items)) < 0) {
		list->lost = true;
		return;
	}
	item = &list->items[list->count++];
	snprintf(item->code, sizeof(item->code), "%s", code);
	item->severity = severity;
	va_start(ap, fmt);
	item->cause = text_of(fmt, ap);
	va_end(ap);
	list->lost = !item->cause;
}

void gr_diagnose_evidence(struct gr_diagnoses *list, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL, *old = NULL;
	struct gr_diagnosis *item;
	va_list ap;

	if (list->lost || !list->count)
		return;
	item = &list->items[list->count - 1];
	va_start(ap, fmt);
	text = text_of(fmt, ap);
	va_end(ap);
	if (!text) {
		list->lost = true;
		return;
	}
	if (!item->evidence) {
		item->evidence = gr_steal_ptr(text);
		return;
	}
	old = gr_steal_ptr(item->evidence);
	list->lost = gr_asprintf(&item->evidence, "%s; %s", old, text) < 0;
}

void gr_diagnose_remedy(struct gr_diagnoses *list, const char *fmt, ...)
{
	struct gr_diagnosis *item;
	va_list ap;

	if (list->lost || !list->count)
		return;
	item = &list->items[list->count - 1];
	free(item->remedy);
	va_start(ap, fmt);
	item->remedy = text_of(fmt, ap);
	va_end(ap);
	list->lost = !item->remedy;
}

enum gr_severity gr_diagnoses_worst(const struct gr_diagnoses *list)
{
	enum gr_severity worst = GR_INFO;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].severity > worst)
			worst = list->items[i].severity;
	}
	return worst;
}

void gr_diagnoses_done(struct gr_diagnoses *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].cause);
		free(list->items[i].evidence);
		free(list->items[i].remedy);
	}
	free(list->items);
	*list = (struct gr_diagnoses){ 0 };
}
