// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Limits of the VM: of its process and cgroups if it runs, else of the place where libvirt would
 * put it (machine.slice), else those of whoever asks.
 */
#include <string.h>

#include "base/util.h"
#include "doctor/evidence.h"
#include "host/read.h"

void gr_limits_parse(const char *text, const char *row, struct gr_figure *ret)
{
	const char *line = strstr(text, row), *end;
	char word[32];

	if (!line || (line != text && line[-1] != '\n'))
		return;
	line += strlen(row);
	line += strspn(line, " ");
	end = line + strcspn(line, " \n");
	snprintf(word, sizeof(word), "%.*s", (int)gr_min_u64((uint64_t)(end - line), 31), line);
	if (!strcmp(word, "unlimited"))
		*ret = (struct gr_figure){ true, UINT64_MAX };
	else
		ret->known = gr_parse_u64(word, &ret->value) >= 0;
}

/* @pid: a number, or "self" */
static int read_limits(struct gr_evidence *ev, const char *pid)
{
	_cleanup_free_ char *limits = NULL, *status = NULL;
	const char *caps;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "proc/%s/limits", pid);
	r = gr_root_read(ev->root, path, &limits, NULL, NULL);
	ev->process.answer = gr_answer_of(r);
	if (r >= 0) {
		gr_limits_parse(limits, "Max locked memory", &ev->process.memlock_bytes);
		gr_limits_parse(limits, "Max address space", &ev->process.address_space_bytes);
	}
	snprintf(path, sizeof(path), "proc/%s/status", pid);
	if (r == -ENOMEM || gr_root_read(ev->root, path, &status, NULL, NULL) < 0)
		return r == -ENOMEM ? r : 0;
	gr_counter_parse(status, "Seccomp", &ev->process.seccomp);
	caps = strstr(status, "\nCapEff:");
	if (caps) {
		ev->process.capabilities.known = true;
		ev->process.capabilities.value = strtoull(caps + strlen("\nCapEff:"), NULL, 16);
	}
	return 0;
}

/* The limits on the way from a cgroup to the top, as the inventory keeps them. */
static int take_cgroups(struct gr_evidence *ev, const char *text)
{
	struct gr_host view = *ev->host;
	int r;

	view.limits = NULL;
	view.limit_count = 0;
	view.cgroup2 = NULL;
	view.notes = NULL;
	view.note_count = 0;
	r = gr_host_cgroup_limits(ev->root, text, &view);
	ev->limits = view.limits;
	ev->limit_count = view.limit_count;
	free(view.cgroup2);
	for (size_t i = 0; i < view.note_count; i++)
		free(view.notes[i]);
	free(view.notes);
	return r;
}

int gr_evidence_process(struct gr_evidence *ev, const struct gr_intent *intent)
{
	_cleanup_free_ char *text = NULL;
	char path[64] = "proc/self/cgroup", pid[16];
	int r;

	if (intent->pid) {
		snprintf(pid, sizeof(pid), "%d", (int)intent->pid);
		r = read_limits(ev, pid);
		if (r < 0)
			return r;
		snprintf(path, sizeof(path), "proc/%d/cgroup", (int)intent->pid);
	} else if (intent->libvirt) {
		ev->limits_of = strdup("/machine.slice");
		return ev->limits_of ? take_cgroups(ev, "0::/machine.slice\n"
							"1:hugetlb:/machine.slice\n"
							"2:cpuset:/machine.slice\n"
							"3:memory:/machine.slice\n") :
				       -ENOMEM;
	} else {
		ev->process.own = true;
		r = read_limits(ev, "self");
		if (r < 0)
			return r;
		/* Whoever looks at a VM is rarely allowed to lock memory: that says nothing of it.
		 */
		ev->process.memlock_bytes.known = false;
	}
	r = gr_root_read(ev->root, path, &text, NULL, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = gr_cgroup_own(text, NULL, &ev->limits_of);
	if (r == -ENOENT)
		r = gr_cgroup_own(text, "hugetlb", &ev->limits_of);
	return r == -ENOMEM ? r : take_cgroups(ev, text);
}
