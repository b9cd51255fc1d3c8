// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Command lines of Cloud Hypervisor in, needs and notes out, one row each, split at blanks. A need
 * is printed as cell:size:page:access:nodes:object, a fatal note as CODE!.
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
#include "guest/argv.h"
#include "guest/cloud_hypervisor.h"

static void parse(const char *line, struct gr_ch *ret)
{
	_cleanup_argv_ char **argv = calloc(strlen(line) + 2, sizeof(*argv));
	size_t n = 0;

	assert_non_null(argv);
	while (*line) {
		size_t len = strcspn(line, " ");

		argv[n++] = strndup(line, len);
		line += len + (line[len] != '\0');
	}
	assert_int_equal(gr_ch_parse(argv, ret, NULL), 0);
}

static char *text_of(const struct gr_ch *ch)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	for (size_t i = 0; i < ch->request.need_count; i++) {
		const struct gr_need *need = &ch->request.needs[i];
		char size[GR_TEXT_MAX], page[GR_TEXT_MAX];
		_cleanup_free_ char *nodes = gr_list_text(&need->host_nodes);

		fprintf(out, "%s%d:%s:%s:%s:%s:%s", i ? " " : "", need->guest_cell,
			gr_size_arg(need->memory_bytes, size),
			need->page_size_bytes  ? gr_size_arg(need->page_size_bytes, page) :
			ch->sources[i].hugetlb ? "huge" :
						 "any",
			need->shared ? "shared" : "private", nodes,
			need->backend_id ? need->backend_id : "-");
	}
	for (size_t i = 0; i < ch->notes.count; i++)
		fprintf(out, " %s%s", ch->notes.items[i].code, ch->notes.items[i].fatal ? "!" : "");
	fclose(out);
	return text;
}

static const struct {
	const char *line, *expect;
} rows[] = {
	{ "cloud-hypervisor", "-1:512M:any:private::-" },
	{ "ch --memory", "-1:512M:any:private::-" },
	{ "ch --memory size=4096M --kernel vmlinux", "-1:4G:any:private::-" },
	{ "ch --memory=size=1G,shared=on --fs tag=a,socket=/s", "-1:1G:any:shared::-" },
	/* 2000 pages for 2048 needed, and nothing reserves them */
	{ "ch --memory size=4096M,hugepages=on,hugepage_size=2M", "-1:4G:2M:private::- GR426" },
	{ "ch --memory size=4096M,hugepages=on,hugepage_size=2M,reserve=on",
	  "-1:4G:2M:private::-" },
	{ "ch --memory size=4G,hugepages=on,prefault=on --device path=/sys/bus/pci/devices/0",
	  "-1:4G:huge:private::- GR422" },
	{ "ch --memory size=1G --net tap=a,vhost_user=true", "-1:1G:any:private::- GR421" },
	{ "ch --memory size=3M,hugepages=on,hugepage_size=2M,prefault=on",
	  "-1:3M:2M:private::- GR406!" },
	{ "ch --memory size=1G,hugepage_size=2M", "-1:1G:any:private::- GR410!" },
	{ "ch --memory size=6M,hugepages=on,hugepage_size=3M,prefault=on",
	  "-1:6M:3M:private::- GR411!" },
	{ "ch --memory size=1GB", "-1:512M:any:private::- GR402!" },
	{ "ch --memory size=0", "-1:0B:any:private::- GR402!" },
	{ "ch --memory size=1G,shared=maybe", "-1:1G:any:private::- GR410!" },
	{ "ch --memory size=0 --memory-zone id=a,size=1G,host_numa_node=1,shared=on id=b,size=2G,"
	  "hugepages=on,hugepage_size=1G,prefault=on --numa "
	  "guest_numa_id=0,cpus=[0-1],memory_zones=a "
	  "guest_numa_id=1,memory_zones=[b]",
	  "0:1G:any:shared:1:a 1:2G:1G:private::b" },
	{ "ch --numa guest_numa_id=3,memory_zones=[a,b] --memory-zone id=a,size=1M --memory-zone "
	  "id=b,size=1M --memory size=0",
	  "3:1M:any:private::a 3:1M:any:private::b" },
	{ "ch --memory size=1G --memory-zone id=a,size=1M", "-1:1M:any:private::a GR407!" },
	{ "ch --memory-zone id=a,size=1M id=a,size=1M size=1M id=b",
	  "-1:1M:any:private::a "
	  "-1:0B:any:private::b GR403! GR401! GR402!" },
	{ "ch --memory-zone id=a,size=1M --numa guest_numa_id=0,memory_zones=[a,c]",
	  "0:1M:any:private::a GR404!" },
	{ "ch --memory-zone id=a,size=1M,host_numa_node=x --numa memory_zones=a",
	  "-1:1M:any:private::a GR410! GR409!" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		_cleanup_ch_ struct gr_ch ch;
		_cleanup_free_ char *text = NULL;

		parse(rows[i].line, &ch);
		text = text_of(&ch);
		if (strcmp(text, rows[i].expect))
			print_message("row %zu: %s\n", i, rows[i].line);
		assert_string_equal(text, rows[i].expect);
	}
}

static void test_traits(void **state)
{
	_cleanup_ch_ struct gr_ch a, b;

	(void)state;
	parse("ch --memory size=1G,mergeable=on,hotplug_size=4G,thp=off,reserve=on --balloon "
	      "size=0 "
	      "--device path=/x --restore source_url=file:///x --disk path=/d,vhost_user=on",
	      &a);
	parse("ch --memory size=1G --disk path=/d --net tap=t", &b);
	assert_true(a.request.ksm && a.request.memory_hotplug && a.request.balloon);
	assert_true(a.request.passthrough && a.request.migration && a.request.shared && a.reserve);
	assert_false(a.thp || b.request.shared || b.request.passthrough || b.reserve);
	assert_true(b.thp);
	assert_true(gr_ch_is("/usr/bin/cloud-hypervisor") && gr_ch_is("cloud-hypervisor-static"));
	assert_false(gr_ch_is("qemu-system-x86_64") || gr_ch_is(NULL));
}

/* The default size of the host is 1 GiB: 512 MiB are not even one page. */
static void test_default_page_size(void **state)
{
	_cleanup_ch_ struct gr_ch ch;

	(void)state;
	parse("ch --memory size=512M,hugepages=on,prefault=on", &ch);
	assert_int_equal(ch.notes.count, 0);
	assert_int_equal(gr_ch_default_page_size(&ch, GR_GIB), 0);
	assert_int_equal(ch.request.needs[0].page_size_bytes, GR_GIB);
	assert_string_equal(ch.notes.items[0].message,
			    "--memory: 512M is less than one page of 1G");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_traits),
		cmocka_unit_test(test_default_page_size),
	};

	return cmocka_run_group_tests_name("cloud_hypervisor", tests, NULL, NULL);
}
