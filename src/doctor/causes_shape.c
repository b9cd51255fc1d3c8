// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is wrong with the request itself, whatever the host: sizes that are no whole pages, and what
 * the readers of command lines and domains noted.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"
#include "plan/scope.h"

static bool noted(const struct gr_case *c, const char *code)
{
	for (size_t i = 0; i < c->intent->note_count; i++) {
		if (!strcmp(c->intent->notes[i].code, code))
			return true;
	}
	return false;
}

static void say_misaligned(struct gr_case *c, const char *what, uint64_t bytes, uint64_t page)
{
	char have[GR_TEXT_MAX], size[GR_TEXT_MAX], below[GR_TEXT_MAX], above[GR_TEXT_MAX];
	uint64_t down = bytes - bytes % page;

	if (!down)
		gr_diagnose(c->found, "GR151", GR_ERROR, "%s, %s, is less than one page of %s",
			    what, gr_size_text(bytes, have), gr_size_text(page, size));
	else
		gr_diagnose(c->found, "GR150", GR_ERROR,
			    "%s, %s, is no multiple of the page size %s", what,
			    gr_size_text(bytes, have), gr_size_text(page, size));
	gr_diagnose_evidence(c->found,
			     "%" PRIu64 " bytes are %" PRIu64 " pages and %" PRIu64 " bytes", bytes,
			     bytes / page, bytes % page);
	if (down)
		gr_diagnose_remedy(c->found, "%s or %s", gr_size_arg(down, below),
				   gr_size_arg(down + page, above));
	else
		gr_diagnose_remedy(c->found, "at least %s, or smaller pages",
				   gr_size_arg(page, above));
}

/* The two numbers of a message: what is asked for, and the page. Only some messages have both. */
static bool from_message(const struct gr_case *c, uint64_t *bytes, uint64_t *page)
{
	if (!c->match || c->match->number_count < 2)
		return false;
	*bytes = c->match->numbers[0];
	*page = c->match->numbers[1];
	return *page && *bytes != UINT64_MAX && *bytes % *page;
}

enum gr_verdict gr_cause_misaligned(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	uint64_t bytes, page;

	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];

		page = ask->page_size_bytes;
		if (!page || ask->bytes % page == 0 || (ask->kind == GR_ASK_FILE && !ask->bound) ||
		    noted(c, "GR406"))
			continue;
		say_misaligned(c, ask->what, ask->bytes, page);
		verdict = GR_CONFIRMED;
	}
	if (verdict == GR_EXCLUDED && from_message(c, &bytes, &page)) {
		say_misaligned(c, "the size in the message", bytes, page);
		return GR_CONFIRMED;
	}
	/* "failed to resize memfd to N": the page is not said, and the default one is likely. */
	page = c->ev->host->default_page_size_bytes;
	if (verdict == GR_EXCLUDED && !c->intent->known && page && c->match &&
	    c->match->number_count == 1 && c->match->numbers[0] % page) {
		say_misaligned(c, "the size in the message", c->match->numbers[0], page);
		return GR_CONFIRMED;
	}
	return verdict;
}

#define CH_HOLE (3 * GR_GIB)

/*
 * Cloud Hypervisor lays zones one behind the other and goes on above 4 GiB from 3 GiB on, so that a
 * zone in between becomes two memfds, each of which has to be whole pages. Aligned as it is, its
 * start is what is wrong.
 */
enum gr_verdict gr_cause_split_zone(struct gr_case *c)
{
	uint64_t start = 0;

	if (!c->intent->vmm || strcmp(c->intent->vmm, "Cloud Hypervisor") != 0)
		return GR_EXCLUDED;
	for (size_t i = 0; i < c->intent->ask_count && start < CH_HOLE; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];
		uint64_t page = ask->page_size_bytes, below = CH_HOLE - start;
		char size[GR_TEXT_MAX], have[GR_TEXT_MAX];

		start = gr_add_sat(start, ask->bytes);
		if (ask->kind != GR_ASK_MEMFD || !page || ask->bytes % page || start <= CH_HOLE ||
		    below % page == 0)
			continue;
		gr_diagnose(c->found, "GR150", GR_ERROR,
			    "%s is split at 3 GiB, and its parts are no multiples of the page size "
			    "%s",
			    ask->what, gr_size_text(page, size));
		gr_diagnose_evidence(c->found,
				     "%s of it lie below 3 GiB, behind the zones before it",
				     gr_size_text(below, have));
		gr_diagnose_remedy(c->found,
				   "put it first, or make the zones before it whole pages "
				   "of that size");
		return GR_CONFIRMED;
	}
	return GR_EXCLUDED;
}

/* A file is rounded up to whole pages, without a word. */
enum gr_verdict gr_cause_rounded(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;

	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];
		uint64_t page = ask->page_size_bytes, waste;
		char waste_text[GR_TEXT_MAX];

		if (!page || ask->kind != GR_ASK_FILE || ask->bytes % page == 0)
			continue;
		waste = page - ask->bytes % page;
		gr_diagnose(c->found, "GR153", GR_INFO, "%s takes %" PRIu64 " pages and wastes %s",
			    ask->what, ask->pages, gr_size_text(waste, waste_text));
		gr_diagnose_evidence(c->found,
				     "%" PRIu64 " bytes; a file on hugetlbfs is rounded up",
				     ask->bytes);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

/* What is no error explains no failure. */
enum gr_verdict gr_cause_notes(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;

	for (size_t i = 0; i < c->intent->note_count; i++) {
		const struct gr_intent_note *note = &c->intent->notes[i];

		gr_diagnose(c->found, note->code, note->severity, "%s", note->message);
		gr_diagnose_evidence(c->found, "the %s says so", c->intent->source);
		if (note->severity == GR_ERROR)
			verdict = GR_CONFIRMED;
	}
	return verdict;
}

/* A VMM that maps without reserving starts with too few pages, and dies at some touch. */
enum gr_verdict gr_cause_unreserved(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];

		if (!ask->pages || !ask->unreserved || ask->prealloc ||
		    !gr_short_of(c, ask->page_size_bytes, &s))
			continue;
		gr_diagnose(c->found, "GR152", s.lack && !c->intent->pid ? GR_ERROR : GR_WARNING,
			    "%s maps huge pages without reserving them: it starts, and dies with "
			    "SIGBUS "
			    "when one is lacking at a touch",
			    ask->what);
		gr_say_pool(c, &s);
		gr_diagnose_remedy(c->found,
				   "reserve=on or prefault=on (Cloud Hypervisor), reserve=on or "
				   "prealloc=on (QEMU)");
		verdict = GR_CONFIRMED;
	}
	if (verdict == GR_EXCLUDED && c->line && !c->intent->known)
		return gr_unsure(c, "huge pages that were mapped without being reserved",
				 "the command line: reserve=, prealloc=, prefault= (--argv)");
	return verdict;
}

enum gr_verdict gr_cause_balloon(struct gr_case *c)
{
	if (!c->intent->balloon || !gr_asks_huge(c->intent))
		return GR_EXCLUDED;
	gr_diagnose(
		c->found, "GR155", GR_WARNING,
		"ballooning a guest on huge pages gives little back: a huge page returns only when "
		"all of it is ballooned");
	gr_diagnose_evidence(c->found, "the %s has both", c->intent->source);
	gr_diagnose_remedy(c->found, "no balloon, or transparent huge pages");
	return GR_CONFIRMED;
}
