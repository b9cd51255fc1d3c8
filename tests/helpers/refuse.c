// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Becomes a command for which one system call fails, as a container's filter makes it: mbind() with
 * EPERM, or the making of a KVM VM with ENOMEM (which takes a worn host otherwise).
 *
 *   refuse mbind|kvm COMMAND [ARG]...
 */
#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, lines) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, lines)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)

static struct sock_filter mbind_filter[] = {
	LOAD(nr),
	SKIP_UNLESS(SYS_mbind, 1),
	RETURN(SECCOMP_RET_ERRNO | EPERM),
	RETURN(SECCOMP_RET_ALLOW),
};

static struct sock_filter kvm_filter[] = {
	LOAD(nr),
	SKIP_UNLESS(SYS_ioctl, 3),
	LOAD(args[1]), /* the low half: little endian */
	SKIP_UNLESS(KVM_CREATE_VM, 1),
	RETURN(SECCOMP_RET_ERRNO | ENOMEM),
	RETURN(SECCOMP_RET_ALLOW),
};

int main(int argc, char **argv)
{
	struct sock_fprog program = { .len = sizeof(mbind_filter) / sizeof(*mbind_filter),
				      .filter = mbind_filter };

	if (argc < 3)
		errx(2, "usage: refuse mbind|kvm COMMAND [ARG]...");
	if (!strcmp(argv[1], "kvm")) {
		program.len = sizeof(kvm_filter) / sizeof(*kvm_filter);
		program.filter = kvm_filter;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		err(1, "seccomp");
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
