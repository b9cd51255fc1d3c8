/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What comes out of a QMP socket, byte by byte and answer by answer. Pure: it trusts nothing, since
 * a program of any kind may listen there.
 */
#ifndef GR_VERIFY_QMP_READ_H
#define GR_VERIFY_QMP_READ_H

#include <json-c/json_tokener.h>
#include <stddef.h>

#include "verify/qmp.h"

#define GR_QMP_MESSAGE_MAX                                                                         \
	(512u << 10) /* bytes; `info mtree -f` of a large guest has about 100 KiB */

struct gr_qmp_reader {
	json_tokener *tokener;
	size_t bytes; /* of the message so far */
};

int gr_qmp_reader_init(struct gr_qmp_reader *reader);
void gr_qmp_reader_done(struct gr_qmp_reader *reader);
#define _cleanup_qmp_reader_ __attribute__((cleanup(gr_qmp_reader_done)))

/**
 * gr_qmp_feed - take bytes up to the end of one message
 * @ret_used: how many were taken
 *
 * Return: 1 with *@ret_message (free with json_object_put()); 0: it needs more; -EBADMSG: no JSON
 * object; -EMSGSIZE: too long.
 */
int gr_qmp_feed(struct gr_qmp_reader *reader, const char *bytes, size_t len, size_t *ret_used,
		json_object **ret_message);

enum gr_qmp_kind { GR_QMP_GREETING, GR_QMP_EVENT, GR_QMP_RETURN, GR_QMP_ERROR };

/** gr_qmp_kind - what a message is. *@ret_value is its part that matters. Return: enum or -EBADMSG.
 */
int gr_qmp_kind(json_object *message, json_object **ret_value);

/* From the value of one answer into the facts. Return: 0; -EBADMSG for another shape; -ENOMEM. */
int gr_qmp_take_version(json_object *value, struct gr_qmp_facts *facts);
int gr_qmp_take_name(json_object *value, struct gr_qmp_facts *facts);
int gr_qmp_take_kvm(json_object *value, struct gr_qmp_facts *facts);
int gr_qmp_take_stats(json_object *value, struct gr_qmp_facts *facts);
int gr_qmp_take_memdevs(json_object *value, struct gr_qmp_facts *facts);
int gr_qmp_take_migration(json_object *value, struct gr_qmp_facts *facts);
int gr_qmp_take_dirty_rate(json_object *value, struct gr_qmp_facts *facts);

/**
 * gr_qmp_take_mtree - RAM in the address space "memory" of `info mtree -f`
 * @ret: room for GR_SLOTS_MAX; host is 0 in them
 *
 * Return: how many; -EBADMSG if there is no such address space.
 */
int gr_qmp_take_mtree(json_object *value, struct gr_slot *ret);

/** gr_qmp_take_host - the address in an answer of gpa2hva. Return: 0 or -EBADMSG. */
int gr_qmp_take_host(json_object *value, uint64_t *ret);

#endif
