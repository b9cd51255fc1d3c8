// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Command lines of QEMU in, needs and notes out; and the same lines with other memory put in. Each
 * row is one line as people and programs write it, split at blanks. A need is printed as
 * cell:size:page:access:nodes:policy:object, a fatal note as CODE!, so a row is readable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/qemu_argv.h"
#include "guest/qemu_opts.h"

static char **split(const char *line)
{
	char **argv = calloc(strlen(line) + 2, sizeof(*argv));
	size_t n = 0;

	assert_non_null(argv);
	while (*line) {
		size_t len = strcspn(line, " ");

		if (len)
			argv[n++] = strndup(line, len);
		line += len + (line[len] != '\0');
	}
	return argv;
}

static char *needs_text(const struct gr_qemu *qemu)
{
	char *text = strdup("");

	for (size_t i = 0; i < qemu->request.need_count; i++) {
		const struct gr_need *need = &qemu->request.needs[i];
		char size[GR_TEXT_MAX], page[GR_TEXT_MAX], *longer;
		_cleanup_free_ char *nodes = gr_list_text(&need->host_nodes);

		assert_int_equal(gr_asprintf(&longer, "%s%s%d:%s:%s:%s:%s:%s:%s", text, i ? " " : "",
					     need->guest_cell, gr_size_arg(need->memory_bytes, size),
					     need->page_size_bytes ?
						     gr_size_arg(need->page_size_bytes, page) :
						     qemu->sources[i].hugetlb ? "huge" : "any",
					     need->shared ? "shared" : "private", nodes,
					     gr_node_policy_name(need->policy),
					     need->backend_id ? need->backend_id : "-"), 0);
		free(text);
		text = longer;
	}
	return text;
}

static char *notes_text(const struct gr_notes *notes)
{
	char *text = strdup("");

	for (size_t i = 0; i < notes->count; i++) {
		char *longer;

		assert_int_equal(gr_asprintf(&longer, "%s%s%s%s", text, i ? " " : "",
					     notes->items[i].code, notes->items[i].fatal ? "!" : ""),
				 0);
		free(text);
		text = longer;
	}
	return text;
}

#define RAM(x) "-1:" x ":any:private::default:-"

static const struct {
	const char *line, *needs, *notes;
} rows[] = {
	/* sizes */
	{ "qemu-system-x86_64", RAM("128M"), "" },
	{ "q -m 4096", RAM("4G"), "" },
	{ "q -m 4G", RAM("4G"), "" },
	{ "q -m 4g", RAM("4G"), "" },
	{ "q -m 1.5G", RAM("1536M"), "" },
	{ "q -m 0x100", RAM("256M"), "" },
	{ "q -m 0", RAM("128M"), "" },
	{ "q -m 4097k", RAM("4104K"), "" }, /* QEMU rounds up to 8 KiB */
	{ "q -m 268435456B", RAM("256M"), "" },
	{ "q -m size=16777216k,slots=16,maxmem=32G", RAM("16G"), "" },
	{ "q -m 256,slots=2,maxmem=1G -m 512M", RAM("512M"), "" },
	{ "q -m 512M -m slots=2,maxmem=8G", RAM("512M"), "" },
	{ "q --m 256 --M q35", RAM("256M"), "" },
	{ "q -M q35,memory.size=2G", RAM("2G"), "" },
	{ "q -m 1G -M q35,memory.size=2G", RAM("1G"), "" },
	{ "q -m 4GB", RAM("128M"), "GR402!" },
	{ "q -m 4GiB", RAM("128M"), "GR402!" },
	{ "q -m 1e3", RAM("128M"), "GR402!" },
	{ "q -m -1", RAM("128M"), "GR402!" },
	{ "q -m 99999999999999999999", RAM("128M"), "GR402!" },
	{ "q -m 18446744073709551615", RAM("128M"), "GR402!" },
	{ "q -m", RAM("128M"), "GR401!" },
	{ "q -m=256", RAM("128M"), "" }, /* no option of QEMU; it will say so */
	/* which words are options */
	{ "q -append -m -m 64", RAM("64M"), "" },
	{ "q -name -m -m 64", RAM("64M"), "" },
	{ "q -nographic -m 64", RAM("64M"), "" },
	{ "q -S disk.qcow2 -m 64", RAM("64M"), "" },
	{ "q -new-option value -m 64", RAM("64M"), "" },
	{ "q -new-switch -m 64", RAM("64M"), "" },
	{ "q -serial stdio -monitor none -vnc :0 -k de -m 64 -usb -daemonize", RAM("64M"), "GR423" },
	{ "q -readconfig vm.cfg", RAM("128M"), "GR424" },
	{ "q -set object.m0.size=4G", RAM("128M"), "GR424" },
	/* the default RAM elsewhere */
	{ "q -m 4G -mem-path /dev/hugepages -mem-prealloc", RAM("4G"), "" },
	/* one object for the machine */
	{ "q -m 4G -object memory-backend-memfd,id=m0,size=4G,hugetlb=on,hugetlbsize=2M,share=on,"
	  "prealloc=on -machine q35,memory-backend=m0", "-1:4G:2M:shared::default:m0", "" },
	{ "q -M q35,memory-backend=m0 -object memory-backend-memfd,hugetlb=on,id=m0,size=1G",
	  "-1:1G:huge:shared::default:m0", "" },
	{ "q -m 2048 -object memory-backend-ram,id=m0,size=2048M,host-nodes=0-1,policy=interleave "
	  "-M pc,memory-backend=m0", "-1:2G:any:private:0-1:interleave:m0", "" },
	{ "q -m 2048 -object memory-backend-ram,id=m0,size=2G,host-nodes=0,host-nodes=2,policy=bind,"
	  "share -M pc,memory-backend=m0", "-1:2G:any:shared:0,2:bind:m0", "" },
	{ "q -m 1G -object memory-backend-file,id=m0,size=1G,mem-path=/a,,b -M memory-backend=m0",
	  "-1:1G:any:private::default:m0", "" },
	{ "q -m 1G -object memory-backend-ram,id=m0,size=128M,size=1024M,share=yes "
	  "-machine memory-backend=m0 -machine q35", "-1:1G:any:shared::default:m0", "" },
	/* node 1 is short of pages in this case: kubevirt */
	{ "q -m 2048 -object memory-backend-memfd,id=cell0,size=2048M,hugetlb=on,hugetlbsize=2M,"
	  "prealloc=on,policy=bind,host-nodes=1 -numa node,memdev=cell0",
	  "0:2G:2M:shared:1:bind:cell0", "" },
	/* JSON, as libvirt writes it */
	{ "q -machine q35,memory-backend=ram0 -m size=12582912k -object {\"qom-type\":"
	  "\"memory-backend-memfd\",\"id\":\"ram0\",\"size\":12884901888,\"hugetlb\":true,"
	  "\"hugetlbsize\":1073741824,\"prealloc\":true,\"share\":true}",
	  "-1:12G:1G:shared::default:ram0", "" },
	{ "/usr/bin/qemu-system-x86_64 -name guest=win11,debug-threads=on -S -object {\"qom-type\":"
	  "\"secret\",\"id\":\"masterKey0\",\"format\":\"raw\",\"file\":\"/k.aes\"} -machine "
	  "pc-q35-7.2,usb=off,vmport=off,dump-guest-core=off,memory-backend=pc.ram,hpet=off,acpi=on "
	  "-accel kvm -cpu host,migratable=on -m 16384 -object {\"qom-type\":\"memory-backend-memfd\","
	  "\"id\":\"pc.ram\",\"hugetlb\":true,\"hugetlbsize\":2097152,\"share\":true,\"prealloc\":true,"
	  "\"prealloc-threads\":8,\"x-use-canonical-path-for-ramblock-id\":false,\"size\":17179869184,"
	  "\"host-nodes\":[0],\"policy\":\"bind\"} -overcommit mem-lock=off -smp 8,sockets=1,dies=1,"
	  "cores=4,threads=2 -uuid 1-2 -no-user-config -nodefaults -chardev socket,id=charmonitor,"
	  "fd=30,server=on,wait=off -mon chardev=charmonitor,id=monitor,mode=control -device "
	  "{\"driver\":\"vfio-pci\",\"host\":\"0000:01:00.0\",\"id\":\"hostdev0\"} -sandbox on",
	  "-1:16G:2M:shared:0:bind:pc.ram", "" },
	{ "q -m 256 -object {'qom-type':'memory-backend-ram','id':'m0','size':268435456} "
	  "-machine memory-backend=m0", "-1:256M:any:private::default:m0", "" },
	{ "q -object {\"qom-type\":\"memory-backend-ram\"", RAM("128M"), "GR401!" },
	{ "q -object {\"qom-type\":\"memory-backend-ram\"}x", RAM("128M"), "GR401!" },
	{ "q -object {\"qom-type\":\"memory-backend-ram\",\"id\":\"a\\u0000b\"}", RAM("128M"), "GR401!" },
	/* cells */
	{ "q -m 6G -object memory-backend-memfd,id=b,size=2G,hugetlb=on,hugetlbsize=2M -object "
	  "memory-backend-memfd,id=a,size=4G,hugetlb=on,hugetlbsize=1G,host-nodes=1,policy=bind "
	  "-numa node,nodeid=1,cpus=2-3,memdev=b -numa node,nodeid=0,cpus=0-1,memdev=a "
	  "-numa dist,src=0,dst=1,val=21", "0:4G:1G:shared:1:bind:a 1:2G:2M:shared::default:b", "" },
	{ "q -m 1G -object memory-backend-ram,id=a,size=1G -numa node,memdev=a -numa node,cpus=1",
	  "0:1G:any:private::default:a", "" },
	{ "q -M pc-q35-4.2 -m 256 -numa node,mem=128M -numa node,mem=128",
	  "0:128M:any:private::default:- 1:128M:any:private::default:-", "" },
	{ "q -m 100 -numa node -numa node",
	  "0:48M:any:private::default:- 1:52M:any:private::default:-", "GR425" },
	{ "q -m 4G -object memory-backend-ram,id=a,size=1G -numa node,memdev=a",
	  "0:1G:any:private::default:a", "GR405!" },
	{ "q -object memory-backend-ram,id=a,size=1G -numa node,memdev=a",
	  "0:1G:any:private::default:a", "GR405!" },
	{ "q -m 4G -object memory-backend-ram,id=a,size=1G -M memory-backend=a",
	  "-1:1G:any:private::default:a", "GR405!" },
	{ "q -m 256 -numa node,mem=128M -numa node,mem=64M",
	  "0:128M:any:private::default:- 1:64M:any:private::default:-", "GR405!" },
	{ "q -m 1G -numa node,memdev=nowhere", "", "GR404!" },
	{ "q -m 1G -M memory-backend=nowhere", "", "GR404!" },
	{ "q -m 2G -object memory-backend-ram,id=a,size=1G -numa node,memdev=a -numa node,memdev=a",
	  "0:1G:any:private::default:a", "GR408!" },
	{ "q -m 1G -object memory-backend-ram,id=a,size=1G -numa node,nodeid=0,memdev=a "
	  "-numa node,nodeid=0", "0:1G:any:private::default:a", "GR409!" },
	{ "q -m 1G -numa node,nodeid=128,mem=1G", RAM("1G"), "GR409!" },
	{ "q -m 2G -object memory-backend-ram,id=a,size=1G -numa node,memdev=a -numa node,mem=1G",
	  "0:1G:any:private::default:a", "GR407!" },
	{ "q -m 1G -object memory-backend-ram,id=a,size=1G -numa node,memdev=a -M memory-backend=a",
	  "0:1G:any:private::default:a", "GR407!" },
	{ "q -m 1G -mem-path /h -object memory-backend-ram,id=a,size=1G -M memory-backend=a",
	  "-1:1G:any:private::default:a", "GR407!" },
	/* broken objects, all mistakes at once */
	{ "q -m 1G -object memory-backend-ram,id=a,size=1G -object memory-backend-ram,id=a,size=1G "
	  "-M memory-backend=a", "-1:1G:any:private::default:a", "GR403!" },
	{ "q -m 1G -object iothread,id=a -object memory-backend-ram,id=a,size=1G", RAM("1G"), "GR403!" },
	{ "q -object memory-backend-ram,size=1G", RAM("128M"), "GR401!" },
	{ "q -object memory-backend-ram,id=a,share=maybe,policy=often,host-nodes=x", RAM("128M"),
	  "GR402! GR410! GR410! GR410!" },
	{ "q -object memory-backend-ram,id=a,size=1G,policy=bind", RAM("128M"), "GR410!" },
	{ "q -object memory-backend-ram,id=a,size=1G,host-nodes=0", RAM("128M"), "GR410!" },
	{ "q -object memory-backend-ram,id=a,size=1G,host-nodes=0-4294967295,policy=bind",
	  RAM("128M"), "GR410! GR410!" },
	{ "q -object memory-backend-file,id=a,size=1G", RAM("128M"), "GR410!" },
	{ "q -object memory-backend-memfd,id=a,size=6M,hugetlb=on,hugetlbsize=3M", RAM("128M"), "GR411!" },
	{ "q -m 3 -object memory-backend-memfd,id=a,size=3M,hugetlb=on,hugetlbsize=2M "
	  "-M memory-backend=a", "-1:3M:2M:shared::default:a", "GR406!" },
	{ "q -m 2047 -object memory-backend-memfd,id=a,size=2047M,hugetlb=on,hugetlbsize=2M "
	  "-M memory-backend=a", "-1:2047M:2M:shared::default:a", "GR406!" },
	{ "q -m 3 -object memory-backend-file,id=a,size=3M,mem-path=/dev/hugepages "
	  "-M memory-backend=a", "-1:3M:any:private::default:a", "" },
	{ "q -m 1G -object memory-backend-file,id=a,size=1G,mem-path=/template,readonly=on "
	  "-M memory-backend=a", "", "GR412!" },
	/* devices */
	{ "q -m 4G,slots=4,maxmem=16G -object memory-backend-ram,id=d0,size=1G -device "
	  "pc-dimm,id=dimm0,memdev=d0,node=0", RAM("4G") " 0:1G:any:private::default:d0", "" },
	{ "q -m 4G -object memory-backend-file,id=nv,size=1G,mem-path=/nv.img,share=on -device "
	  "nvdimm,memdev=nv -object memory-backend-file,id=pm,size=1G,mem-path=/pm.img -device "
	  "virtio-pmem-pci,memdev=pm", RAM("4G"), "" },
	{ "q -m 4G -object memory-backend-ram,id=vm,size=64G,reserve=off,prealloc=on -device "
	  "virtio-mem-pci,memdev=vm,requested-size=1G", RAM("4G"), "" },
	{ "q -m 4G -object memory-backend-file,id=sh,size=32M,mem-path=/dev/shm/looking-glass,share=on "
	  "-device ivshmem-plain,memdev=sh", RAM("4G"), "" },
	{ "q -m 4G -device pc-dimm,memdev=none", RAM("4G"), "GR404!" },
	{ "q -m 4G -object memory-backend-memfd,id=lost,size=1G,hugetlb=on,hugetlbsize=1G,prealloc=on",
	  RAM("4G") " -1:1G:1G:shared::default:lost", "GR420" },
	{ "q -m 4G -object memory-backend-memfd,id=lost,size=1G,hugetlb=on,hugetlbsize=1G", RAM("4G"),
	  "" },
	/* sharing and passthrough */
	{ "q -m 3840 -object memory-backend-file,id=m0,size=768M,mem-path=/mnt/huge,share=on -object "
	  "memory-backend-ram,id=m1,size=3G -numa node,memdev=m0 -numa node,memdev=m1 -chardev "
	  "socket,id=c0,path=/v.sock -netdev vhost-user,id=n0,chardev=c0 -device virtio-net-pci,"
	  "netdev=n0", "0:768M:any:shared::default:m0 1:3G:any:private::default:m1", "GR421" },
	{ "q -m 4G -device vhost-user-fs-pci,chardev=c0,tag=t", RAM("4G"), "GR421" },
	{ "q -m 4G -object memory-backend-file,id=m0,size=4G,mem-path=/dev/hugepages -M "
	  "memory-backend=m0 -device vfio-pci,host=01:00.0", "-1:4G:any:private::default:m0", "GR422" },
	{ "q -m 4G -device vfio-pci,host=01:00.0", RAM("4G"), "" },
	{ "q -m 4G -mem-prealloc -object memory-backend-ram,id=a,size=1M,prealloc=off", RAM("4G"), "" },
	{ "q -m 4G -mem-prealloc -object memory-backend-ram,id=a,size=1M",
	  RAM("4G") " -1:1M:any:private::default:a", "GR420" },
	{ "q -m 4G -object memory-backend-ram,id=nv,size=1G -device nvdimm,memdev=nv", RAM("4G"), "" },
};

static void test_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		_cleanup_argv_ char **argv = split(rows[i].line);
		_cleanup_qemu_ struct gr_qemu *qemu = NULL;
		_cleanup_free_ char *needs = NULL, *notes = NULL;

		assert_int_equal(gr_qemu_parse(argv, &qemu, NULL), 0);
		needs = needs_text(qemu);
		notes = notes_text(&qemu->notes);
		if (strcmp(needs, rows[i].needs) || strcmp(notes, rows[i].notes))
			print_message("row %zu: %s\n", i, rows[i].line);
		assert_string_equal(needs, rows[i].needs);
		assert_string_equal(notes, rows[i].notes);
	}
}

static struct gr_qemu *parse(const char *line)
{
	_cleanup_argv_ char **argv = split(line);
	struct gr_qemu *qemu = NULL;

	assert_int_equal(gr_qemu_parse(argv, &qemu, NULL), 0);
	return qemu;
}

static void test_messages(void **state)
{
	static const struct {
		const char *line, *message;
	} texts[] = {
		{ "q -m 2047 -object memory-backend-memfd,id=a,size=2047M,hugetlb=on,hugetlbsize=2M "
		  "-M memory-backend=a",
		  "a: 2047M is no multiple of the page size 2M; the nearest are 2046M and 2G" },
		{ "q -m 512 -object memory-backend-memfd,id=a,size=512M,hugetlb=on,hugetlbsize=1G "
		  "-M memory-backend=a", "a: 512M is less than one page of 1G" },
		{ "q -m 4G -object memory-backend-ram,id=a,size=1G -numa node,memdev=a",
		  "the cells have 1 GiB, but -m says 4 GiB" },
		{ "q -m 3G -object memory-backend-ram,id=m1,size=3G -M memory-backend=m1 -netdev "
		  "vhost-user,id=n,chardev=c",
		  "m1 (3 GiB) not shared: vhost-user will not work; share=on is needed" },
		{ "q -numa node,memdev=x", "cell 0 refers to object x, which is not there" },
	};

	(void)state;
	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		_cleanup_qemu_ struct gr_qemu *qemu = parse(texts[i].line);

		assert_true(qemu->notes.count > 0);
		assert_string_equal(qemu->notes.items[0].message, texts[i].message);
	}
}

static void test_traits(void **state)
{
	_cleanup_qemu_ struct gr_qemu *a = parse(
		"/usr/bin/kvm -enable-kvm -name guest=a,,b,process=x -smp sockets=2,cores=4,threads=2 "
		"-pidfile /run/a.pid -incoming defer -overcommit mem-lock=on -daemonize -M "
		"q35,mem-merge=on -device virtio-balloon-pci,id=b,free-page-reporting=on "
		"-device vfio-pci,host=1 -m 1G,slots=1,maxmem=4G");
	_cleanup_qemu_ struct gr_qemu *b = parse("q -name foo -smp 3 -accel tcg,thread=multi "
						 "-realtime mlock=off -device vfio-ap");
	_cleanup_qemu_ struct gr_qemu *c = parse("q -realtime x=y -M pc,accel=kvm:tcg -device "
						 "vhost-vdpa-device-pci -mem-path /h -mem-prealloc");

	(void)state;
	assert_string_equal(a->request.name, "a,b");
	assert_int_equal(a->vcpus, 16);
	assert_string_equal(a->pidfile, "/run/a.pid");
	assert_string_equal(a->accel, "kvm");
	assert_string_equal(a->machine, "q35");
	assert_true(a->daemonize && a->incoming && a->free_page_reporting);
	assert_true(a->request.migration && a->request.locked && a->request.ksm);
	assert_true(a->request.balloon && a->request.passthrough && a->request.memory_hotplug);
	assert_false(a->request.shared);
	assert_string_equal(b->request.name, "foo");
	assert_int_equal(b->vcpus, 3);
	assert_string_equal(b->accel, "tcg");
	assert_false(b->request.locked || b->request.passthrough || b->request.balloon);
	assert_true(c->request.locked && c->request.passthrough && c->mem_prealloc);
	assert_string_equal(c->accel, "kvm");
	assert_string_equal(c->sources[0].mem_path, "/h");
	assert_true(gr_qemu_is("/usr/bin/qemu-system-aarch64") && gr_qemu_is("kvm"));
	assert_false(gr_qemu_is("kvmtool") || gr_qemu_is("qemu-img") || gr_qemu_is(NULL));
}

static void test_default_page_size(void **state)
{
	_cleanup_qemu_ struct gr_qemu *qemu =
		parse("q -m 512 -M memory-backend=a -object memory-backend-memfd,id=a,size=512M,hugetlb=on");

	(void)state;
	assert_true(qemu->sources[0].hugetlb);
	assert_int_equal(gr_qemu_default_page_size(qemu, GR_GIB), 0);
	assert_int_equal(qemu->request.needs[0].page_size_bytes, GR_GIB);
	assert_true(gr_notes_has(&qemu->notes, "GR406"));
}

#define F "share=on,prealloc=off"
#define FD10 "mem-path=/proc/self/fd/10," F
#define FD11 "mem-path=/proc/self/fd/11," F

static const struct {
	const char *line, *rewritten;
} lines[] = {
	{ "q -m 4G", "q -object memory-backend-file,id=guestram0,size=4294967296," FD10
	  " -machine memory-backend=guestram0 -m 4G" },
	{ "q -M q35, -m 256 -mem-prealloc -mem-path /dev/hugepages disk.img",
	  "q -object memory-backend-file,id=guestram0,size=268435456," FD10
	  " -machine memory-backend=guestram0 -M q35, -m 256 disk.img" },
	{ "q -object iothread,id=guestram0 -m 1M", "q -object memory-backend-file,id=guestram0-1,"
	  "size=1048576," FD10 " -machine memory-backend=guestram0-1 -object iothread,id=guestram0 -m 1M" },
	{ "q -M q35,memory-backend=m0 -object memory-backend-memfd,id=m0,x-use-canonical-path-for-"
	  "ramblock-id=off,hugetlb=on,hugetlbsize=2M,share=off,prealloc=on,seal=off,size=1G,merge=off,"
	  "host-nodes=0,policy=bind,prealloc-context=tc,prealloc-threads=4,dump=off -m 1024",
	  "q -M q35,memory-backend=m0 -object memory-backend-file,id=m0,x-use-canonical-path-for-"
	  "ramblock-id=off,size=1G,merge=off,dump=off," FD10 " -m 1024" },
	{ "q -M memory-backend=m0 -object memory-backend-file,size=1G,id=m0,mem-path=/a,,b,nodump,"
	  "align=2M,discard-data=on", "q -M memory-backend=m0 -object memory-backend-file,size=1G,"
	  "id=m0,nodump,discard-data=on," FD10 },
	{ "q -m 2 -object {\"id\":\"a/b\",\"qom-type\":\"memory-backend-memfd\",\"size\":2097152,"
	  "\"hugetlb\":true,\"hugetlbsize\":2097152,\"prealloc\":true,\"dump\":false} -M "
	  "memory-backend=a/b", "q -m 2 -object '{\"id\":\"a/b\",\"size\":2097152,\"dump\":false,"
	  "\"qom-type\":\"memory-backend-file\",\"mem-path\":\"/proc/self/fd/10\",\"share\":true,"
	  "\"prealloc\":false}' -M memory-backend=a/b" },
	{ "q -M pc-q35-4.2 -m 256 -numa node,mem=128M,cpus=0 -numa node,nodeid=1,cpus=1,mem=128",
	  "q -object memory-backend-file,id=guestram0,size=134217728," FD10 " -object "
	  "memory-backend-file,id=guestram1,size=134217728," FD11 " -M pc-q35-4.2 -m 256 -numa "
	  "node,cpus=0,memdev=guestram0 -numa node,nodeid=1,cpus=1,memdev=guestram1" },
	{ "q -m 2 -object memory-backend-ram,id=b,size=1M -numa node,nodeid=1,memdev=b -object "
	  "memory-backend-ram,id=a,size=1M -numa node,nodeid=0,memdev=a",
	  "q -m 2 -object memory-backend-file,id=b,size=1M," FD11 " -numa node,nodeid=1,memdev=b "
	  "-object memory-backend-file,id=a,size=1M," FD10 " -numa node,nodeid=0,memdev=a" },
	{ "q -m 2 -mem-prealloc -object memory-backend-ram,id=v,size=1M -device virtio-mem-pci,memdev=v",
	  "q -object memory-backend-file,id=guestram0,size=2097152," FD10 " -machine memory-backend="
	  "guestram0 -m 2 -mem-prealloc -object memory-backend-ram,id=v,size=1M -device "
	  "virtio-mem-pci,memdev=v" },
	{ "q -m 2 -object memory-backend-ram,id=d,size=1M -device pc-dimm,memdev=d -append -object",
	  "q -object memory-backend-file,id=guestram0,size=2097152," FD10 " -machine memory-backend="
	  "guestram0 -m 2 -object memory-backend-file,id=d,size=1M," FD11
	  " -device pc-dimm,memdev=d -append -object" },
};

static void test_rewrite(void **state)
{
	(void)state;
	for (size_t i = 0; i < GR_ARRAY_SIZE(lines); i++) {
		_cleanup_qemu_ struct gr_qemu *qemu = parse(lines[i].line);
		struct gr_qemu_backing backings[4] = { 0 };
		_cleanup_argv_ char **argv = NULL;
		_cleanup_free_ char *text = NULL;

		for (int k = 0; k < 4; k++)
			backings[k] = (struct gr_qemu_backing){
				.fd = 10 + k, .size_bytes = GR_GIB * 4, .share = true,
			};
		assert_int_equal(gr_qemu_rewrite(qemu, backings, qemu->request.need_count, &argv, NULL),
				 0);
		assert_int_equal(gr_argv_print(argv, &text), 0);
		assert_string_equal(text, lines[i].rewritten);
	}
}

static char *rewrite_one(const char *line, struct gr_qemu_backing backing)
{
	_cleanup_qemu_ struct gr_qemu *qemu = parse(line);
	_cleanup_argv_ char **argv = NULL;
	char *text = NULL;

	assert_int_equal(gr_qemu_rewrite(qemu, &backing, 1, &argv, NULL), 0);
	assert_int_equal(gr_argv_print(argv, &text), 0);
	return text;
}

static void test_rewrite_without_fd(void **state)
{
	static const char json[] = "q -M memory-backend=a -object {\"qom-type\":\"memory-backend-file\","
		"\"id\":\"a\",\"size\":1048576,\"mem-path\":\"/x\",\"discard-data\":true}";
	const struct gr_qemu_backing thp = { .fd = -1, .prealloc = true, .prealloc_threads = 4 };
	const struct gr_qemu_backing shared = { .fd = -1, .share = true, .prealloc = true };
	const struct gr_qemu_backing placed = { .fd = 9, .size_bytes = GR_GIB, .share = true,
						.host_nodes = "0,2-3" };
	_cleanup_free_ char *a = rewrite_one("q -m 1", thp), *b = rewrite_one("q -m 1", shared);
	_cleanup_free_ char *c = rewrite_one("q -m 1", placed), *d = rewrite_one(json, placed);
	_cleanup_free_ char *e = rewrite_one(json, thp);

	(void)state;
	assert_string_equal(a, "q -object memory-backend-ram,id=guestram0,size=1048576,share=off,"
			       "prealloc=on,prealloc-threads=4 -machine memory-backend=guestram0 -m 1");
	assert_string_equal(b, "q -object memory-backend-memfd,id=guestram0,size=1048576,share=on,"
			       "prealloc=on -machine memory-backend=guestram0 -m 1");
	assert_string_equal(c, "q -object memory-backend-file,id=guestram0,size=1048576,"
			       "mem-path=/proc/self/fd/9,share=on,prealloc=off,host-nodes=0,"
			       "host-nodes=2,host-nodes=3,policy=bind -machine "
			       "memory-backend=guestram0 -m 1");
	assert_non_null(strstr(d, "\"host-nodes\":[0,2,3],\"policy\":\"bind\""));
	assert_non_null(strstr(d, "\"discard-data\":true"));
	assert_non_null(strstr(e, "\"prealloc-threads\":4"));
	assert_null(strstr(e, "discard-data"));
	assert_null(strstr(e, "mem-path"));
}

static void test_rewrite_refuses(void **state)
{
	_cleanup_qemu_ struct gr_qemu *good = parse("q -m 1G"), *bad = parse("q -m 1x");
	struct gr_qemu_backing small = { .fd = 9, .size_bytes = GR_MIB, .share = true };
	struct gr_qemu_backing nodes = { .fd = -1, .host_nodes = "0-" };
	char **argv = (char **)0x1;
	struct gr_error err;

	(void)state;
	assert_int_equal(gr_qemu_rewrite(good, &small, 1, &argv, &err), -EINVAL);
	assert_int_equal(gr_qemu_rewrite(good, &small, 0, &argv, &err), -EINVAL);
	assert_int_equal(gr_qemu_rewrite(good, &nodes, 1, &argv, &err), -EINVAL);
	assert_int_equal(gr_qemu_rewrite(bad, &small, 1, &argv, &err), -EINVAL);
	assert_int_equal(err.class, GR_CLASS_USAGE);
	assert_ptr_equal(argv, (char **)0x1);
}

static void test_print(void **state)
{
	const char *words[] = { "A=b",	"-m",	       "4G",	"", "a b",   "it's", "$(x)`\\",
				"x=y", "a\nb\x1b", "\xff'", "~", "{1,2}", NULL };
	char *const *argv = (char *const *)words;
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(gr_argv_print(argv, &text), 0);
	assert_string_equal(text, "'A=b' -m 4G '' 'a b' 'it'\\''s' '$(x)`\\' x=y $'a\\012b\\033' "
				  "$'\\377\\'' '~' '{1,2}'");
}

static void test_bounds(void **state)
{
	_cleanup_free_ char *many = malloc(GR_QEMU_PAIRS_MAX * 2 + 16);
	char *argv[] = { (char *)"q", (char *)"-object", many, NULL }, *none[] = { NULL };
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;
	struct gr_qemu *untouched = NULL;

	(void)state;
	assert_non_null(many);
	many[0] = '\0';
	for (size_t i = 0; i <= GR_QEMU_PAIRS_MAX; i++)
		memcpy(many + 2 * i, "a,", 3);
	assert_int_equal(gr_qemu_parse(argv, &qemu, NULL), 0);
	assert_true(gr_notes_has(&qemu->notes, "GR401"));
	assert_int_equal(gr_qemu_parse(none, &untouched, NULL), -EINVAL);
	assert_null(untouched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_traits),
		cmocka_unit_test(test_default_page_size),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_rewrite_without_fd),
		cmocka_unit_test(test_rewrite_refuses),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests_name("qemu_argv", tests, NULL, NULL);
}
