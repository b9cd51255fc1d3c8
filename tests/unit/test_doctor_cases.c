// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reports of users, rewritten: the log in the form that their tools keep it, and the host as they
 * described it. And every wording of the tables that says by itself what it means, by its code.
 */
#include "doctor_world.h"

#define TEXT_DOMAIN                                                                                \
	"<domain type='kvm'><name>d</name><memory unit='GiB'>16</memory>"                          \
	"<memoryBacking><hugepages/></memoryBacking>"                                              \
	"<os><type arch='x86_64'>hvm</type></os></domain>"

/* A container runtime wraps QEMU's words in key=value of its journal. */
static void kata(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	POOL(dir, SMALL, -1, 512, 512);
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -machine q35,memory-backend=dimm1 -m 2048M -object "
		"memory-backend-file,id=dimm1,size=2048M,mem-path=/dev/hugepages,share=on,"
		"prealloc=on",
		"Sep 23 03:01:22 host kata[77]: time=\"2024-09-23T03:01:22-07:00\" level=error "
		"msg=\"" E01 "\" name=containerd-shim-v2 pid=77 subsystem=qemu\n"
		"Sep 23 03:01:22 host containerd[66]: time=\"2024-09-23T03:01:22-07:00\" "
		"level=error msg=\"" E01 "\" name=containerd-shim-v2 pid=77 subsystem=qemu\n");
	expect_codes(&a, "GR103");
	expect(&a, "GR103", "512 of the 1024");
	finish(&a);
}

/* Lines of JSON; the node says that it has 20 pages of 1 GiB free, and another has reserved one. */
static void kubevirt(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_1G);
	POOL(dir, LARGE, -1, 20, 20, .reserved = 1);
	a = ask(dir, ARGV,
		"qemu-kvm -m 20G -machine q35,memory-backend=pc.ram -object "
		"'{\"qom-type\":\"memory-backend-memfd\",\"id\":\"pc.ram\",\"hugetlb\":true,"
		"\"hugetlbsize\":1073741824,\"size\":21474836480}'",
		"{\"component\":\"virt-launcher\",\"level\":\"error\",\"msg\":\"internal error: "
		"qemu unexpectedly closed the monitor: 2025-06-04T01:42:29.495586Z qemu-kvm: "
		"unable to map backing store for guest RAM: Cannot allocate memory\",\"pos\":"
		"\"qemuProcessReportLogError:2051\"}\n"
		"{\"component\":\"virt-launcher\",\"level\":\"info\",\"msg\":\"stopped\"}\n");
	expect_codes(&a, "GR105");
	expect(&a, "GR105", "total 20, free 20, reserved 1");
	finish(&a);
}

/* virt-manager shows the graphics driver's words first, and everything twice. */
static void virt_manager(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	a = ask(dir, XML, TEXT_DOMAIN,
		"Error starting domain: internal error: qemu unexpectedly closed the monitor: "
		"Failed to create /var/lib/libvirt/.cache for shader cache (Permission "
		"denied)---disabling.\n2024-05-07T14:42:11.095792Z " E01 "\n\nTraceback (most "
		"recent call last):\n  File \"virtManager/asyncjob.py\", line 72, in cb_wrapper\n"
		"libvirt.libvirtError: internal error: qemu unexpectedly closed the monitor: "
		"Failed to create /var/lib/libvirt/.cache for shader cache (Permission "
		"denied)---disabling.\n2024-05-07T14:42:11.095792Z " E01 "\n");
	expect_codes(&a, "GR101");
	expect(&a, "GR101", "need 8,192 pages");
	assert_non_null(strstr(a.log.others[0].why, "graphics"));
	finish(&a);
}

/* Cloud Hypervisor reads the kernel into pages that it cannot get. */
static void cloud_kernel(void **state)
{
	static const char message[] = "Error booting VM: VmBoot(KernelLoad(Elf(ReadKernelImage)))";
	static const char argv[] = "cloud-hypervisor --kernel hypervisor-fw --cpus boot=4 --memory "
				   "size=1024M,hugepages=on,hugepage_size=2M";
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, "");
	a = ask(dir, ARGV, argv, message);
	expect(&a, "GR101", "never filled");
	finish(&a);
	POOL(dir, SMALL, -1, 512, 512);
	a = ask(dir, ARGV, argv, message);
	expect_none(&a, "GR101");
	finish(&a);
}

/* A zone of whole pages that begins in the middle of one is split at 3 GiB. */
static void cloud_zones(void **state)
{
	static const char message[] =
		"Error booting VM: VmBoot(MemoryManager(SharedFileSetLen(Os { code: 22, kind: "
		"InvalidInput, message: \"Invalid argument\" })))";
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, "");
	POOL(dir, LARGE, -1, 8, 8);
	a = ask(dir, ARGV,
		"cloud-hypervisor --kernel fw --memory size=0 --memory-zone id=zone0,size=512M "
		"id=zone1,size=3G,hugepages=on,hugepage_size=1G",
		message);
	assert_string_equal(a.found.items[0].code, "GR150");
	expect(&a, "GR150", "zone1 is split at 3 GiB");
	expect(&a, "GR150", "2,560 MiB of it lie below");
	finish(&a);
	a = ask(dir, ARGV,
		"cloud-hypervisor --kernel fw --memory size=0 --memory-zone id=zone0,size=1G "
		"id=zone1,size=3G,hugepages=on,hugepage_size=1G",
		message);
	expect_none(&a, "GR150");
	finish(&a);
	a = ask(dir, ARGV,
		"cloud-hypervisor --kernel fw --memory size=0 --memory-zone id=zone0,size=512M "
		"id=zone1,size=2G,hugepages=on,hugepage_size=1G",
		message);
	expect_none(&a, "GR150"); /* ends below 3 GiB */
	finish(&a);
}

/* Pools that leave too little: the kernel ends the VM. */
static void killed(void **state)
{
	static const char message[] =
		"[812.1] Out of memory: Killed process 4242 (qemu-system-x86) total-vm:8388608kB";
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 2048, 500);
	put_mounts(dir, "");
	a = ask(dir, ARGV, "qemu-system-x86_64 -m 8G", message);
	assert_string_equal(a.found.items[0].code, "GR163");
	finish(&a);
	put_host(dir, 25600, 6000);
	a = ask(dir, ARGV, "qemu-system-x86_64 -m 8G", message);
	expect_none(&a, "GR163");
	finish(&a);
}

/* Words that mean one thing, and those whose cause a host without any page shows. */
static const struct {
	const char *code, *message;
} texts[] = {
	{ "GR101", "kvm: unable to map backing store for hugepages: Cannot allocate memory" },
	{ "GR101", "os_mem_prealloc: Insufficient free host memory pages available to allocate "
		   "guest RAM" },
	{ "GR101", "qemu_prealloc_mem: preallocating memory failed: Cannot allocate memory" },
	{ "GR101", "process 12 terminated by signal 7" },
	{ "GR107", "TASK ERROR: start failed: hugepage allocation failed at Memory.pm line 534." },
	{ "GR120", "file size 0x1000 is less than 0x2000" },
	{ "GR120", "file f is smaller than the offset" },
	{ "GR120", "backing store size 0x40000000 does not match 'size' option 0x80000000" },
	{ "GR122", "virtio-mem-device-early: load of migration failed" },
	{ "GR126", "host NUMA node5 doesn't exist" },
	{ "GR133", "qemu-system-x86_64: failed to create memfd with flags 0x58000007: No such "
		   "device" },
	{ "GR150", "memory size 0x300000 must be multiple of 0x200000 " },
	{ "GR150", "backend memory size must be multiple of 0x200000" },
	{ "GR150", "Memory size 4097 is not a multiple of the requested hugepages size 2" },
	{ "GR150", "memory 3Mi is not a multiple of the page size 2Mi" },
	{ "GR150", "memory size must be a multiple of 256 MiB" },
	{ "GR154", "At least one numa node has to be configured when enabling memory hotplug" },
	{ "GR154", "target NUMA node needs to be specified for memory device" },
	{ "GR154", "Total size of memory devices exceeds the total memory size" },
	{ "GR154", "requested size must be an integer multiple of block size" },
	{ "GR154", "-device pc-dimm: memory hotplug is not enabled: missing acpi device" },
	{ "GR155", "Balloon used with backing page size > 4kiB, this may not be reliable" },
	{ "GR157",
	  "unsupported configuration: hugepages is not supported with memfd memory source" },
	{ "GR157", "memory access mode 'shared' not supported without guest numa node" },
	{ "GR157", "Shared memory mapping is supported only with hugepages" },
	{ "GR157", "preallocation threads are unsupported with this QEMU" },
	{ "GR158", "Mismatched RAM page size pc.ram (local) 2097152 != 4096" },
	{ "GR158", "Postcopy needs matching RAM page sizes (s=1000 d=201000)" },
	{ "GR158", "Postcopy requires RAM blocks to be a page size multiple, block pc.ram is 0x1 "
		   "bytes" },
	{ "GR158", "Userfault on this host does not support huge pages" },
	{ "GR159", "Firecracker's huge pages support is incompatible with memory ballooning." },
	{ "GR159", "Cannot restore hugetlbfs backed snapshot by mapping the memory file." },
	{ "GR160", "Memory backing with 1M pages was specified, but KVM does not support this" },
	{ "GR160", "Memory backing with 2G pages was specified, but KVM does not support this" },
	{ "GR160", "This QEMU machine does not support huge page mappings" },
	{ "GR160", "-numa node,nodeid=0: error: NUMA is not supported by this machine-type" },
	{ "GR171", "your system doesn't support hugepages of 4 MB" },
	{ "GR171", "more than 1 hostnode value in numa node is not supported when hugepages are" },
	{ "GR172", "/etc/libvirt/hooks/x: line 9: /proc/sys/vm/nr_hugepages: write error: Invalid "
		   "argument" },
	{ "GR172", "hooks/x: line 8: / 2048: syntax error: operand expected" },
	{ "GR173", "HugeTLB: allocating 16 of page size 1.00 GiB failed.  Only allocated 3 "
		   "hugepages." },
	{ "GR173", "HugeTLB: hugepages= specified twice without interleaving hugepagesz=" },
	{ "GR173", "HugeTLB: hugepages=4 does not follow a valid hugepagesz, ignoring" },
	{ "GR173", "HugeTLB: hugepagesz=2M specified twice, ignoring" },
	{ "GR173", "HugeTLB: unsupported hugepagesz=3M" },
	{ "GR173", "HugeTLB: unsupported default_hugepagesz=3M" },
	{ "GR173", "HugeTLB: default_hugepagesz previously specified, ignoring 2M" },
	{ "GR173", "HugeTLB: Invalid hugepages parameter x" },
	{ "GR173", "HugeTLB: architecture can't support node specific alloc, ignoring!" },
	{ "GR173", "HugeTLB: hugetlb_cma is enabled, skip boot time allocation" },
	{ "GR174", "EAL: No free hugepages reported in hugepages-1048576kB" },
	{ "GR174", "EAL: 12 hugepages of size 2097152 reserved, but no mounted hugetlbfs found for "
		   "that size" },
	{ "GR174", "requested 4096 hugepages but only 3738 could be allocated" },
	{ "GR175", "Unable to allocate 10 pages. Allocated only 7" },
	{ "GR176", "Waiting for daemon failed: HandleRequest(InvalidParam)" },
	{ "GR176", "VhostUserSetup(VhostUserMemoryRegion(NoMemoryRegion))" },
	{ "GR176", "Failed initializing vhost-user memory map, consider using -object "
		   "memory-backend-file share=on" },
};

static void by_text(void **state)
{
	struct temp_root *dir = *state;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	temp_root_put(dir, "proc/cmdline", "hugepagesz=1G hugepages=4\n");
	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		struct answer a = ask(dir, NOTHING, NULL, texts[i].message);

		if (!a.found.count || strcmp(a.found.items[0].code, texts[i].code) != 0) {
			print_found(&a);
			fail_msg("%s is not explained by %s", texts[i].message, texts[i].code);
		}
		finish(&a);
	}
}

/* A hook that undid what was short, the daemon that cannot read its list, and the label. */
static void by_host(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	a = ask(dir, NOTHING, NULL, "Not able to allocate all hugepages. Reverting...");
	expect_codes(&a, "GR101");
	finish(&a);
	POOL(dir, SMALL, -1, 100, 100);
	a = ask(dir, NOTHING, NULL, "Not able to allocate all hugepages. Reverting...");
	expect_codes(&a, "GR172");
	finish(&a);
	temp_root_put(dir, "etc/libvirt/qemu.conf", "hugetlbfs_mount = \"\"\n");
	a = ask(dir, NOTHING, NULL,
		"error : virStateInitialize:660 : Initialization of QEMU state driver failed: "
		"cannot determine filesystem for '': No such file or directory");
	expect_codes(&a, "GR132");
	finish(&a);
	temp_root_put(dir, "sys/kernel/security/apparmor/profiles", "x\n");
	temp_root_put(dir, "etc/passwd", "libvirt-qemu:x:64055:104::/:/no\n");
	a = ask(dir, NOTHING, NULL,
		"qemu-system-x86_64: can't open backing store /dev/hugepages/libvirt/qemu/1-d for "
		"guest RAM: Permission denied");
	expect(&a, "GR191", "AppArmor profile");
	finish(&a);
	a = ask(dir, NOTHING, NULL,
		"audit: apparmor=\"DENIED\" operation=\"open\" profile=\"libvirt-1\" "
		"name=\"/dev/hugepages/libvirt/qemu/1-d/x\" comm=\"qemu-system-x86\"");
	expect(&a, "GR191", "AppArmor profile");
	finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMP_ROOT(kata),	    IN_TEMP_ROOT(kubevirt),    IN_TEMP_ROOT(virt_manager),
		IN_TEMP_ROOT(cloud_kernel), IN_TEMP_ROOT(cloud_zones), IN_TEMP_ROOT(killed),
		IN_TEMP_ROOT(by_text),	    IN_TEMP_ROOT(by_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
