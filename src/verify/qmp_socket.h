/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages to and from the monitor of one QEMU.
 */
#ifndef GR_VERIFY_QMP_SOCKET_H
#define GR_VERIFY_QMP_SOCKET_H

#include "verify/qmp_read.h"

struct gr_qmp {
	int fd;
	const char *path;
	struct gr_qmp_reader reader;
	char bytes[4096]; /* received, not yet read: [from, to) */
	size_t from, to;
	uint64_t end_ns; /* of all answers */
	struct gr_error *err;
};

/** gr_qmp_open - connect. Return: 0 or -errno, as gr_qmp_ask(). Close with gr_qmp_close(). */
int gr_qmp_open(const char *path, pid_t pid, struct gr_qmp *ret, struct gr_error *err);
void gr_qmp_close(struct gr_qmp *q);

/** gr_qmp_send - one command. Return: 0 or -errno. */
int gr_qmp_send(struct gr_qmp *q, const char *text);

/** gr_qmp_receive - the next message that is no event. Return: its kind, with *@ret_value owned by
 * *@ret, which is to be put; or -errno. */
int gr_qmp_receive(struct gr_qmp *q, json_object **ret, json_object **ret_value);

/** gr_qmp_hostile - say that this is no QMP. Return: -EBADMSG. */
int gr_qmp_hostile(struct gr_qmp *q, const char *what);

#endif
