/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who a process is: its stat line, command line, executable, and which devices it has open.
 */
#ifndef GR_VERIFY_PROCESS_H
#define GR_VERIFY_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/root.h"

struct gr_stat {
	char comm[64]; /* 15 characters of the kernel's, more for kernel threads */
	char state;    /* R, S, D, Z ... */
	uint64_t flags; /* PF_*: GR_STAT_EXITING */
	uint64_t threads;
	uint64_t start_time; /* clock ticks since boot: with the pid, an identity */
};

#define GR_STAT_EXITING 0x4 /* PF_EXITING: its memory is going away */

/** gr_stat_parse - a line of /proc/PID/stat; comm may hold anything. Return: 0 or -EBADMSG. */
int gr_stat_parse(const char *text, struct gr_stat *ret);

struct gr_process {
	pid_t pid;
	struct gr_stat stat;
	char **argv; /* NULL-terminated; empty for kernel threads */
	size_t argc;
	char *exe;   /* "" where the link may not be read */
	char *vm_name; /* -name, --name or --id of the command line; NULL: none */
	bool fds_known;
	bool has_kvm_vm; /* holds a KVM virtual machine */
	bool has_vfio;   /* holds a VFIO group, container or device: its RAM is pinned */
};

/**
 * gr_process_read - everything above
 *
 * Return: 0; -ESRCH (class no) if there is no such process or it is a zombie; -errno.
 */
int gr_process_read(const struct gr_root *root, pid_t pid, struct gr_process *ret,
		    struct gr_error *err);
void gr_process_done(struct gr_process *process);
#define _cleanup_process_ __attribute__((cleanup(gr_process_done)))

/** gr_process_gone - say that there is no such process (class no). Return: -ESRCH. */
int gr_process_gone(pid_t pid, struct gr_error *err);

/** gr_argv_split - a cmdline file's bytes as words. Return: 0 or -ENOMEM. Free with gr_argv_free(). */
int gr_argv_split(const char *text, size_t len, char ***ret, size_t *ret_count);

/** gr_argv_vm_name - what the command line calls the VM, in malloc'ed memory. Return: 0, -ENOENT
 * if it has no name, -ENOMEM. */
int gr_argv_vm_name(char *const *argv, char **ret);

/** gr_status_bytes - a "Key: N kB" line of a status file's text, which is cut into lines. Return: 0,
 * -ENOENT, -EBADMSG. */
int gr_status_bytes(char *text, const char *key, uint64_t *ret);

/** gr_process_status_bytes - a "Key: N kB" line of /proc/PID/status. Return: 0 or -errno. */
int gr_process_status_bytes(const struct gr_root *root, pid_t pid, const char *key, uint64_t *ret);

#endif
