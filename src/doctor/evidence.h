/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything that causes look at, read once and never written: the host's inventory, who holds
 * pages, what the boot asked for, libvirt's daemon, its configuration and its hook, mount points
 * and their owners, limits of the VM's process and cgroups. What a file did not tell stays unknown,
 * with the reason: absent, forbidden and malformed are three answers.
 */
#ifndef GR_DOCTOR_EVIDENCE_H
#define GR_DOCTOR_EVIDENCE_H

#include <sys/stat.h>

#include "doctor/intent.h"
#include "host/boot_pools.h"
#include "host/host.h"
#include "verify/holders.h"

/* A directory on the way to the pages. */
struct gr_place {
	char *path;
	enum gr_answer answer;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t born_ns; /* not born later than this (its oldest time stamp); 0 unknown */
};

/* libvirtd or virtqemud. */
struct gr_daemon {
	pid_t pid; /* 0: none runs */
	char name[16];
	uint64_t start_ns; /* CLOCK_REALTIME; 0 unknown */
	enum gr_answer mounts_answer;
	struct gr_mount *mounts; /* hugetlbfs, as it sees them */
	size_t mount_count;
};

/* /etc/libvirt/qemu.conf */
struct gr_qemu_conf {
	enum gr_answer answer;
	bool has_mounts; /* hugetlbfs_mount is set: these count and no others */
	char **mounts;
	size_t mount_count;
	char *user, *group;
};

struct gr_hook {
	enum gr_answer answer;
	char *path; /* of the first that is not executable, else of the first that is there */
	bool executable;
	bool in_parts; /* qemu.d/ has scripts */
};

/* Whoever QEMU runs as under libvirt. */
struct gr_vm_user {
	bool known;
	char *name;
	uid_t uid;
	gid_t gid;
	struct gr_list groups; /* others it is in */
};

/* The VM's process, or the one that --pid names; else whoever asks, whose limits and filter a VM
 * started from here would have. Of those only what refuses counts: it proves nothing if they do
 * not. */
struct gr_vm_process {
	bool own;
	enum gr_answer answer;				     /* of its limits */
	struct gr_figure memlock_bytes, address_space_bytes; /* UINT64_MAX: unlimited */
	struct gr_figure seccomp;
	struct gr_figure capabilities; /* effective set */
};

struct gr_evidence {
	const struct gr_root *root;
	struct gr_host *host;
	struct gr_boot_pools boot;
	struct gr_holders holders;
	bool holders_known;
	struct gr_daemon daemon;
	struct gr_qemu_conf conf;
	struct gr_hook hook;
	struct gr_vm_user user;
	struct gr_vm_process process;
	struct gr_place *places; /* mount points of hugetlbfs and what libvirt has below them */
	size_t place_count;
	struct gr_cgroup_limit *limits; /* of the VM's cgroup and its ancestors */
	size_t limit_count;
	char *limits_of; /* the cgroup that was looked at; NULL: none */
	struct gr_figure overcommit_memory, commit_limit_bytes, committed_bytes, corrupted_bytes,
		arc_bytes, compact_stall, compact_fail, compact_success, dma_entry_limit;
	bool selinux, apparmor;
};

/** gr_evidence_read - @intent may be unknown. Return: 0 or -errno. Free with gr_evidence_done(). */
int gr_evidence_read(const struct gr_root *root, const struct gr_intent *intent,
		     struct gr_host **host, struct gr_evidence *ret, struct gr_error *err);
void gr_evidence_done(struct gr_evidence *ev);
#define _cleanup_evidence_ __attribute__((cleanup(gr_evidence_done)))

const struct gr_place *gr_evidence_place(const struct gr_evidence *ev, const char *path);

/** gr_evidence_may - may the VM's user do @want (bits of rwx: 4, 2, 1) there? */
bool gr_evidence_may(const struct gr_vm_user *user, const struct gr_place *place,
		     unsigned int want);

/* --- parts, and pure parsers of files --- */

int gr_evidence_libvirt(struct gr_evidence *ev);
int gr_evidence_places(struct gr_evidence *ev, const struct gr_intent *intent);
int gr_evidence_process(struct gr_evidence *ev, const struct gr_intent *intent);
int gr_evidence_user(struct gr_evidence *ev);

/** gr_qemu_conf_parse - the keys above of a qemu.conf. Return: 0, -EBADMSG (a list or string that
 * does not end), -ENOMEM. */
int gr_qemu_conf_parse(const char *text, struct gr_qemu_conf *ret);
void gr_qemu_conf_done(struct gr_qemu_conf *conf);

/** gr_limits_parse - a row of /proc/PID/limits, its soft value. */
void gr_limits_parse(const char *text, const char *row, struct gr_figure *ret);

/** gr_counter_parse - the number behind a word at the beginning of a line ("compact_fail 12"). */
void gr_counter_parse(const char *text, const char *word, struct gr_figure *ret);

#endif
