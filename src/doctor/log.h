/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a log has to say about guest memory: the last start attempt in it, its command line, the
 * lines that are known messages, and the lines that look like errors and are none of ours. Pure.
 */
#ifndef GR_DOCTOR_LOG_H
#define GR_DOCTOR_LOG_H

#include "doctor/messages.h"

#define GR_LOG_MAX (1 << 20) /* bytes at the end of a log that are read */
#define GR_LOG_LINES_MAX 32  /* of hits, and of unrelated lines: the last ones */
#define GR_LOG_TEXT_MAX 400  /* characters of a line that are shown */

struct gr_log_hit {
	const struct gr_message *message;
	char *line; /* as people should see it */
	char *body; /* the same, whole: what @match points into */
	struct gr_match match;
};

struct gr_log_other {
	char *line;
	const char *why; /* it has nothing to do with guest memory */
	bool known;	 /* false: it is just not known here */
};

struct gr_log {
	struct gr_log_hit *hits; /* the last of each row, in the order of the log */
	size_t hit_count;
	struct gr_log_other *others;
	size_t other_count;
	char *command; /* of the last start, or NULL */
	bool started;  /* the log marks starts, and the last one is what was read */
	bool cut;      /* only its end was read */
};

/**
 * gr_log_read - any bytes; carriage returns, other encodings and NULs do no harm
 *
 * Return: 0 or -ENOMEM. Free with gr_log_done().
 */
int gr_log_read(const char *text, size_t len, struct gr_log *ret);
void gr_log_done(struct gr_log *log);
#define _cleanup_log_ __attribute__((cleanup(gr_log_done)))

#endif
