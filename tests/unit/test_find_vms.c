// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which processes are VMs and what they are called: a /proc and a /run are made up, with the
 * programs, command lines and open files that were seen on real hosts.
 */
#include "temp_root.h"

#include <errno.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/recognise.h"
#include "verify/verify.h"
#include "verify/wanted.h"

static void put_bytes(const struct temp_root *dir, const char *path, const char *bytes, size_t len)
{
	char full[512];
	FILE *f;

	temp_root_path(dir, path, full, sizeof(full));
	f = fopen(full, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* A process; @fd NULL: its open files may not be listed. */
static void put_process(const struct temp_root *dir, int pid, const char *comm, char state,
			const char *exe, const char *cmdline, size_t cmdline_len, const char *fd)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) %c 1 1 1 0 -1 %d 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0\n",
		 pid, comm, state, *exe ? 0x400000 : 0x208040, pid * 10);
	temp_root_put(dir, path, text);
	snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
	put_bytes(dir, path, cmdline, cmdline_len);
	snprintf(path, sizeof(path), "proc/%d/exe", pid);
	if (*exe)
		temp_root_link(dir, path, exe);
	if (!fd)
		return;
	snprintf(path, sizeof(path), "proc/%d/fd/0", pid);
	temp_root_link(dir, path, "/dev/null");
	snprintf(path, sizeof(path), "proc/%d/fd/9", pid);
	temp_root_link(dir, path, fd);
}
#define PROCESS(dir, pid, comm, exe, cmdline, fd)                                                  \
	put_process(dir, pid, comm, 'S', exe, cmdline, sizeof(cmdline) - 1, fd)

static void test_find(void **state)
{
	const struct temp_root *dir = *state;
	static const pid_t want[] = { 7, 20, 100, 101, 103, 110 };
	_cleanup_free_ pid_t *pids = NULL;
	size_t hidden = 99;

	PROCESS(dir, 2, "kthreadd", "", "", NULL);
	PROCESS(dir, 7, "my-vmm", "/opt/my-vmm", "my-vmm\0", "anon_inode:kvm-vm");
	PROCESS(dir, 20, "guestram", "/usr/bin/guestram", "guestram\0run\0", "anon_inode:kvm-vm");
	PROCESS(dir, 21, "guestram", "/usr/bin/guestram", "guestram\0run\0--\0qemu-system-x86_64\0",
		"/dev/null");
	/* Emulated: no KVM at all. */
	PROCESS(dir, 100, "qemu-system-x86", "/usr/bin/qemu-system-x86_64",
		"qemu-system-x86_64\0-name\0web\0", "/dev/null");
	/* Another user's: by its name, since its files are hidden. */
	PROCESS(dir, 101, "firecracker", "/usr/bin/firecracker", "firecracker\0--id=a\0", NULL);
	/* /dev/kvm and even a vCPU alone are no VM. */
	PROCESS(dir, 102, "libvirtd", "/usr/sbin/libvirtd", "libvirtd\0", "/dev/kvm");
	/* crosvm keeps its devices in processes of the same name. */
	PROCESS(dir, 103, "crosvm", "/usr/bin/crosvm", "crosvm\0run\0", "anon_inode:kvm-vm");
	PROCESS(dir, 104, "crosvm", "/usr/bin/crosvm", "crosvm\0run\0", "/memfd:crosvm_guest");
	PROCESS(dir, 105, "lkvm", "/usr/bin/lkvm", "lkvm\0list\0", "/dev/kvm");
	/* A stranger: nobody can say. */
	PROCESS(dir, 106, "secret", "/usr/bin/secret", "secret\0", NULL);
	put_process(dir, 107, "qemu-system-x86", 'Z', "/usr/bin/qemu-system-x86_64", "", 0, "x");
	PROCESS(dir, 110, "qemu-kvm", "/usr/libexec/qemu-kvm", "/usr/libexec/qemu-kvm\0",
		"anon_inode:kvm-vm");
	temp_root_put(dir, "proc/meminfo", "");
	assert_int_equal(gr_find_vms(dir->root, &pids, &hidden, NULL), GR_ARRAY_SIZE(want));
	assert_memory_equal(pids, want, sizeof(want));
	assert_int_equal(hidden, 1);
}

static void check_name(const struct temp_root *dir, const char *name, int count, pid_t first)
{
	_cleanup_free_ pid_t *pids = NULL;

	assert_int_equal(gr_find_by_name(dir->root, name, &pids, NULL), count);
	if (count)
		assert_int_equal(pids[0], first);
}

static void test_libvirt(void **state)
{
	const struct temp_root *dir = *state;

	/* An emulator under a name that we do not know: only the file leads to it. */
	PROCESS(dir, 50, "my-emulator", "/opt/my-emulator",
		"/opt/my-emulator\0-name\0guest=my vm;1,debug-threads=on\0", "anon_inode:kvm-vm");
	check_name(dir, "my vm;1", 0, 0);
	temp_root_put(dir, "run/libvirt/qemu/my vm;1.pid", "50\n");
	check_name(dir, "my vm;1", 1, 50);
	/* A session's domain. */
	PROCESS(dir, 51, "emu", "/opt/emu", "emu\0-name\0guest=mine\0", NULL);
	temp_root_put(dir, "run/user/1000/libvirt/qemu/run/mine.pid", "51");
	check_name(dir, "mine", 1, 51);
	/* Stale: the pid is gone, is another program's, is another domain's, is nonsense. */
	temp_root_put(dir, "run/libvirt/qemu/gone.pid", "4000\n");
	check_name(dir, "gone", 0, 0);
	PROCESS(dir, 52, "bash", "/bin/bash", "bash\0-c\0sleep\0", "/dev/null");
	temp_root_put(dir, "run/libvirt/qemu/taken.pid", "52\n");
	check_name(dir, "taken", 0, 0);
	temp_root_put(dir, "run/libvirt/qemu/other.pid", "50\n");
	check_name(dir, "other", 0, 0);
	temp_root_put(dir, "run/libvirt/qemu/odd.pid", "50 50\n");
	check_name(dir, "odd", 0, 0);
	temp_root_put(dir, "run/libvirt/qemu/large.pid", "99999999999999999999\n");
	check_name(dir, "large", 0, 0);
	/* No name leads out of the folder, and a file of that name is none of libvirt's. */
	temp_root_put(dir, "run/x.pid", "50\n");
	check_name(dir, "../../x", 0, 0);
	check_name(dir, "", 0, 0);
}

/* The folder of a session belongs to its user: a FIFO there must not stop us. */
static void test_libvirt_fifo(void **state)
{
	const struct temp_root *dir = *state;
	char full[512];

	temp_root_put(dir, "proc/meminfo", "");
	temp_root_path(dir, "run/user/1/libvirt/qemu/run/trap.pid", full, sizeof(full));
	assert_int_equal(mkfifo(full, 0600), 0);
	alarm(10);
	check_name(dir, "trap", 0, 0);
	alarm(0);
}

static void test_same_name(void **state)
{
	const struct temp_root *dir = *state;

	/* The domain, found by its file and by its command line, is one process. */
	PROCESS(dir, 60, "qemu-system-x86", "/usr/bin/qemu-system-x86_64",
		"qemu-system-x86_64\0-name\0guest=web\0", NULL);
	temp_root_put(dir, "run/libvirt/qemu/web.pid", "60\n");
	temp_root_put(dir, "var/run/libvirt/qemu/web.pid", "60\n");
	/* A program that is called so is no VM of that name. */
	PROCESS(dir, 61, "web", "/usr/bin/web", "web\0", NULL);
	check_name(dir, "web", 1, 60);
	/* Another VM of that name is, and then somebody has to choose. */
	PROCESS(dir, 62, "qemu-system-x86", "/usr/bin/qemu-system-x86_64",
		"qemu-system-x86_64\0-name\0web\0", NULL);
	check_name(dir, "web", 2, 60);
}

static void check_wanted(const char *vmm, const char *const *argv, uint64_t first, uint64_t second)
{
	_cleanup_free_ uint64_t *sizes = NULL;
	size_t count = 0;

	assert_int_equal(gr_wanted_sizes(vmm, (char *const *)argv, &sizes, &count), 0);
	assert_int_equal(count, (first != 0) + (second != 0));
	if (first)
		assert_int_equal(sizes[0], first);
	if (second)
		assert_int_equal(sizes[1], second);
}
#define WANTED(vmm, first, second, ...)                                                            \
	check_wanted(vmm, (const char *const[]){ __VA_ARGS__, NULL }, first, second)

static void test_wanted(void **state)
{
	WANTED("qemu", GR_GIB, 0, "qemu-system-x86_64", "-m", "1024");
	WANTED("crosvm", 512 * GR_MIB, 0, "crosvm", "run", "-m", "512", "vmlinux");
	WANTED("crosvm", 4 * GR_GIB, 0, "crosvm", "run", "--mem", "size=4096", "vmlinux");
	WANTED("crosvm", 2 * GR_GIB, 0, "crosvm", "run", "--mem=2048", "-p", "mem=1G", "vmlinux");
	/* In two mappings, around the hole for devices. */
	WANTED("kvmtool", 3328 * GR_MIB, 768 * GR_MIB, "lkvm", "run", "-m", "4096");
	WANTED("kvmtool", 2 * GR_GIB, 0, "lkvm", "run", "--mem", "2G@0x80000000");
	WANTED("kvmtool", 0, 0, "lkvm", "run", "-m", "lots");
	WANTED("kvmtool", 0, 0, "lkvm", "run", "-m");
	WANTED("kvmtool", 0, 0, "lkvm", "run", "--", "-m", "512");
	WANTED("firecracker", 0, 0, "firecracker", "--id", "a");
	WANTED(NULL, 0, 0, "vmm", "-m", "512");
	check_wanted("kvmtool", (const char *const[]){ NULL }, 0, 0);
}

#define ANON(range) range " rw-p 00000000 00:00 0\nKernelPageSize: 4 kB\n"
#define OPENED(range, perms, file)                                                                 \
	range " " perms " 00000000 00:05 77  " file "\nKernelPageSize: 4 kB\n"

static void check_ram(const char *text, const uint64_t *wanted, size_t wanted_count, bool is_vm,
		      bool recognised, size_t count)
{
	_cleanup_smaps_ struct gr_smaps smaps = { 0 };
	_cleanup_spans_ struct gr_spans spans = { 0 };
	_cleanup_free_ char *copy = strdup(text);

	assert_int_equal(gr_smaps_parse(copy, &smaps, NULL), 0);
	assert_int_equal(gr_recognise(&smaps, is_vm, wanted, wanted_count, &spans), 0);
	assert_int_equal(spans.recognised, recognised);
	assert_int_equal(spans.count, count);
}

static void test_ram(void **state)
{
	static const uint64_t kvmtool[] = { 3328 * GR_MIB, 768 * GR_MIB };

	/* kvmtool, above and below the hole; a stack of 64 MiB is not RAM. */
	check_ram(ANON("100000000-104000000") ANON("200000000-2d0000000")
			  ANON("300000000-330000000"),
		  kvmtool, 2, true, true, 2);
	/* cloud-hypervisor, nothing known: every piece, not just the first. */
	check_ram(ANON("100000000-140000000") ANON("200000000-240000000"), NULL, 0, true, true, 2);
	/* Firecracker with vhost-user, and as it comes out of a snapshot. */
	check_ram(OPENED("100000000-140000000", "rw-s", "/memfd:guest_mem (deleted)")
			  ANON("200000000-240000000"),
		  NULL, 0, true, true, 1);
	check_ram(OPENED("100000000-140000000", "rw-p", "/srv/vm.mem"), NULL, 0, true, true, 1);
	/* In any other process that is just a file. */
	check_ram(OPENED("100000000-140000000", "rw-p", "/srv/vm.mem"), NULL, 0, false, false, 1);
	/* One file at two addresses is one piece of memory, whatever it is. */
	check_ram(OPENED("100000000-140000000", "rw-s", "/dev/shm/x")
			  OPENED("200000000-240000000", "rw-s", "/dev/shm/x"),
		  NULL, 0, false, false, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMP_ROOT(test_find),	 IN_TEMP_ROOT(test_libvirt),
		IN_TEMP_ROOT(test_libvirt_fifo), IN_TEMP_ROOT(test_same_name),
		cmocka_unit_test(test_wanted),	 cmocka_unit_test(test_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
