// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * inspect --watch: the whole view once, then a line (or a JSON document in a line) per look. A
 * pidfd ends the pause when the process ends. With --expect a look that fails ends it, as `watch
 * -e` and whoever waits for a broken promise have it; a look that cannot tell does not.
 */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/util.h"
#include "cli/inspect_record.h"
#include "cli/ledger_open.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* "12:30:05  RAM 2 GiB: 100.0 % on 2 MiB pages ...; GR310; 2M>=99%: 1 GiB of 2 GiB (50.0 %)". */
static void print_line(FILE *out, const struct gr_inspection *i, json_object *doc)
{
	_cleanup_free_ char *summary = gr_inspect_summary(i);
	json_object *expect = json_object_object_get(doc, "expect");
	time_t now = time(NULL);
	struct tm tm;
	char clock[16] = "";

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	fprintf(out, "%s  %s", clock, summary ? summary : "");
	for (size_t k = 0; k < i->finding_count; k++)
		fprintf(out, "%s %s", k ? "," : ";", i->findings[k].code);
	for (size_t k = 0; expect && k < json_object_array_length(expect); k++) {
		json_object *item = json_object_array_get_idx(expect, k);

		if (json_object_get_boolean(json_object_object_get(item, "met")))
			continue;
		fprintf(out, "; %s: %s",
			json_object_get_string(json_object_object_get(item, "condition")),
			json_object_get_string(json_object_object_get(item, "got_text")));
	}
	fputc('\n', out);
}

static int print_look(struct gr_cli *cli, const struct gr_inspection *i, json_object *doc,
		      bool first)
{
	int r = 0;

	if (cli->mode == GR_MODE_JSON) {
		const char *text = json_object_to_json_string_ext(
			doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

		if (!text)
			return gr_error_nomem(&cli->err);
		puts(text);
	} else if (first) {
		r = gr_cli_print(cli, doc, gr_inspect_sections, gr_inspect_section_count);
	} else {
		print_line(stdout, i, doc);
	}
	/* Whoever reads has to get it now; and without a reader there is nothing to watch for. */
	if (r == 0 && (fflush(stdout) || ferror(stdout)))
		r = gr_error_set(&cli->err, GR_CLASS_SYSTEM, EIO,
				 "standard output could not be written");
	return r;
}

/* Until the next look. Return: true if there is one: the process lives and nobody interrupted. */
static bool pause_for(int pidfd, uint64_t end_ns, const volatile int *interrupted)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	while (!*interrupted) {
		uint64_t now = gr_now_ns();
		int n;

		if (now >= end_ns)
			return true;
		n = poll(&p, 1, (int)gr_min_u64((end_ns - now) / 1000000 + 1, 1000));
		if (n > 0)
			return false;
	}
	return false;
}

int gr_inspect_watch(struct gr_cli *cli, pid_t pid, const struct gr_inspect_options *options)
{
	const volatile int *interrupted = gr_cli_catch_signals();
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t start_time = 0;
	int answer = 0;

	for (bool first = true;; first = false) {
		_cleanup_inspection_ struct gr_inspection *i = NULL;
		uint64_t next_ns = gr_now_ns() + options->watch_s * 1000000000;
		enum gr_met met;
		json_object *doc;
		int r = gr_inspect_look(cli, pid, options, &i);

		if (r == -ESRCH && !first)
			return answer;
		if (r < 0)
			return r;
		if (!first && i->start_time != start_time) /* the pid is another process's */
			return answer;
		start_time = i->start_time;
		doc = gr_inspect_record(i, options, &met);
		r = print_look(cli, i, doc, first);
		json_object_put(doc);
		if (r < 0)
			return r;
		answer = met == GR_MET_YES ? 0 : GR_CLASS_NO;
		if (met == GR_MET_NO || !pause_for(pidfd, next_ns, interrupted))
			return answer;
	}
}
