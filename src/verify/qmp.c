// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is asked, one command at a time, and into which facts each answer goes. A command that this
 * QEMU does not know leaves its facts unknown; an answer that makes no sense ends it all.
 */
#include "verify/qmp.h"

#include <inttypes.h>

#include "base/util.h"
#include "verify/align.h"
#include "verify/qmp_socket.h"

/*
 * Ask and hand the answer's value to @take. Return: 0; 1: QEMU refused the command, so @take saw
 * nothing; -errno.
 */
static int ask(struct gr_qmp *q, const char *command,
	       int (*take)(json_object *value, struct gr_qmp_facts *facts),
	       struct gr_qmp_facts *facts)
{
	json_object *message = NULL, *value;
	int r = gr_qmp_send(q, command);

	if (r == 0)
		r = gr_qmp_receive(q, &message, &value);
	if (r < 0)
		return r;
	if (r == GR_QMP_ERROR)
		r = 1;
	else if (r == GR_QMP_RETURN)
		r = take ? take(value, facts) : 0;
	else
		r = -EBADMSG;
	json_object_put(message);
	if (r == -ENOMEM)
		return gr_error_nomem(q->err);
	return r < 0 ? gr_qmp_hostile(q, "QEMU's answer makes no sense") : r;
}

static int greet(struct gr_qmp *q, struct gr_qmp_facts *facts)
{
	json_object *message = NULL, *value;
	int r = gr_qmp_receive(q, &message, &value);

	if (r < 0)
		return r;
	r = r == GR_QMP_GREETING ? gr_qmp_take_version(value, facts) : -EBADMSG;
	json_object_put(message);
	if (r < 0)
		return gr_qmp_hostile(q, "what answers does not speak QMP");
	r = ask(q, "{\"execute\":\"qmp_capabilities\"}\n", NULL, facts);
	return r > 0 ? gr_qmp_hostile(q, "QEMU refused the handshake") : r;
}

static int take_mtree(json_object *value, struct gr_qmp_facts *facts)
{
	int n;

	facts->slots = calloc(GR_SLOTS_MAX, sizeof(*facts->slots));
	if (!facts->slots)
		return -ENOMEM;
	n = gr_qmp_take_mtree(value, facts->slots);
	facts->slot_count = n > 0 ? (size_t)n : 0;
	return n == -ENOMEM ? n : 0;
}

/* Into the first slot without an address: its turn. */
static int take_host(json_object *value, struct gr_qmp_facts *facts)
{
	size_t i = 0;

	while (i < facts->slot_count && facts->slots[i].host)
		i++;
	if (i == facts->slot_count || gr_qmp_take_host(value, &facts->slots[i].host) < 0 ||
	    !facts->slots[i].host)
		return -EBADMSG;
	return 0;
}

/* Where each piece of guest RAM is in QEMU. A piece without an answer is dropped. */
static int ask_slots(struct gr_qmp *q, struct gr_qmp_facts *facts)
{
	int r = ask(q,
		    "{\"execute\":\"human-monitor-command\",\"arguments\":"
		    "{\"command-line\":\"info mtree -f\"}}\n",
		    take_mtree, facts);
	size_t i = 0;

	while (r >= 0 && i < facts->slot_count) {
		char command[160];

		snprintf(command, sizeof(command),
			 "{\"execute\":\"human-monitor-command\",\"arguments\":"
			 "{\"command-line\":\"gpa2hva 0x%" PRIx64 "\"}}\n",
			 facts->slots[i].guest);
		r = ask(q, command, take_host, facts);
		if (r == -EBADMSG || r > 0) {
			facts->slots[i] = facts->slots[--facts->slot_count];
			r = 0;
			continue;
		}
		i++;
	}
	return r;
}

static int ask_all(struct gr_qmp *q, struct gr_qmp_facts *facts)
{
	static const struct {
		const char *command;
		int (*take)(json_object *value, struct gr_qmp_facts *facts);
	} questions[] = {
		{ "{\"execute\":\"query-name\"}\n", gr_qmp_take_name },
		{ "{\"execute\":\"query-kvm\"}\n", gr_qmp_take_kvm },
		{ "{\"execute\":\"query-memdev\"}\n", gr_qmp_take_memdevs },
		{ "{\"execute\":\"query-migrate\"}\n", gr_qmp_take_migration },
		{ "{\"execute\":\"query-dirty-rate\"}\n", gr_qmp_take_dirty_rate },
	};
	int r = greet(q, facts);

	for (size_t i = 0; i < GR_ARRAY_SIZE(questions) && r >= 0; i++)
		r = ask(q, questions[i].command, questions[i].take, facts);
	if (r >= 0 && facts->kvm != GR_TOLD_NO) {
		r = ask(q,
			"{\"execute\":\"query-stats\",\"arguments\":{\"target\":\"vm\","
			"\"providers\":[{\"provider\":\"kvm\"}]}}\n",
			gr_qmp_take_stats, facts);
		if (r > 0)
			facts->stats_error = -EOPNOTSUPP;
	}
	return r < 0 ? r : ask_slots(q, facts);
}

int gr_qmp_ask(const char *path, pid_t pid, struct gr_qmp_facts **ret, struct gr_error *err)
{
	_cleanup_qmp_facts_ struct gr_qmp_facts *facts = calloc(1, sizeof(*facts));
	_cleanup_free_ struct gr_qmp *q = calloc(1, sizeof(*q));
	int r;

	if (!facts || !q)
		return gr_error_nomem(err);
	r = gr_qmp_open(path, pid, q, err);
	if (r < 0)
		return r;
	r = ask_all(q, facts);
	gr_qmp_close(q);
	if (r < 0)
		return r;
	*ret = gr_steal_ptr(facts);
	return 0;
}

void gr_qmp_facts_free(struct gr_qmp_facts *facts)
{
	if (!facts)
		return;
	for (size_t i = 0; i < facts->memdev_count; i++) {
		free(facts->memdevs[i].id);
		free(facts->memdevs[i].policy);
		gr_list_done(&facts->memdevs[i].host_nodes);
	}
	free(facts->memdevs);
	free(facts->slots);
	free(facts->name);
	free(facts);
}
