// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Domain XML against libvirt. tests/fixtures/domain has NAME.xml and what libvirt 9.0 made of it on
 * a host with four nodes: NAME.argv (QEMU's memory options) or NAME.err (why it refused). Our needs
 * have to be QEMU's objects, one by one; what libvirt refuses has to have a problem of severity
 * error and nothing else may have one, but for the few named below. Then: problems by code and
 * line, hostile input, and values that no object shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/domain_xml.h"
#include "guest/domain_xml_private.h"
#include "guest/qemu_argv.h"

/* libvirt's refusal is about the host it ran on (no such mount, node, numad, SEV). */
static const char *const host_matters[] = {
	"dimm-page-not-mounted",
	"page-equals-memory",
	"page-not-mounted",
	"sev",
	"sev-snp",
	"sgx-epc",
	"tdx",
	"tune-auto",
	"tune-auto-nodeset",
	"tune-missing-node",
	"tune-vcpu-auto",
	"vhost-user-video-private",
	NULL,
};
/* libvirt lets it pass, QEMU does not (7.2, tried). */
static const char *const qemu_refuses[] = { "cells-zero-memory", "memfd-odd-size", NULL };

/* Elsewhere when another libvirt judges, see tests/bats/domain_xml.bats. */
static const char *folder(void)
{
	static char path[400];
	const char *other = getenv("GUESTRAM_FIXTURES");

	snprintf(path, sizeof(path), "%s/domain", other ? other : GR_FIXTURES);
	return path;
}

static bool is_in(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* The whole file, or NULL. */
static char *read_fixture(const char *name, const char *suffix, size_t *ret_len)
{
	char path[512];
	_cleanup_fclose_ FILE *file = NULL;
	char *text;

	snprintf(path, sizeof(path), "%s/%s%s", folder(), name, suffix);
	file = fopen(path, "r");
	if (!file)
		return NULL;
	text = calloc(1, 65536);
	assert_non_null(text);
	*ret_len = fread(text, 1, 65535, file);
	assert_true(*ret_len < 65535);
	return text;
}

static struct gr_domain *parse(const char *text)
{
	struct gr_domain *domain = NULL;
	struct gr_error err = { 0 };

	if (gr_domain_parse(text, strlen(text), &domain, &err) < 0)
		fail_msg("%s", err.message);
	return domain;
}

static struct gr_domain *parse_fixture(const char *name)
{
	size_t len = 0;
	_cleanup_free_ char *text = read_fixture(name, ".xml", &len);
	struct gr_domain *domain;

	if (!text)
		fail_msg("no fixture %s", name);
	domain = parse(text);
	assert_int_equal(gr_domain_page_sizes(domain, 4096, 2 * GR_MIB), 0);
	return domain;
}

static uint64_t page_of(const char *mem_path)
{
	if (mem_path && strstr(mem_path, "/2M/libvirt/"))
		return 2 * GR_MIB;
	if (mem_path && strstr(mem_path, "/1G/libvirt/"))
		return GR_GIB;
	return 0;
}

/* One need of a domain on a line; object sizes, not what is asked of a virtio-mem device. */
static void print_need(FILE *out, const struct gr_domain *domain, size_t i)
{
	const struct gr_need *need = &domain->request.needs[i];
	const struct gr_domain_need *more = &domain->needs[i];
	_cleanup_free_ char *nodes = gr_list_text(&need->host_nodes);
	bool restrictive = more->mode == GR_MODE_RESTRICTIVE, reserve = true;
	uint64_t size = need->memory_bytes;

	if (more->device >= 0 && domain->devices[more->device].model == GR_MODEL_VIRTIO_MEM) {
		size = gr_div_up(domain->devices[more->device].size_bytes, 2 * GR_MIB) * 2 * GR_MIB;
		reserve = false;
		fprintf(out, "requested=%ju prealloc=%d ", (uintmax_t)need->memory_bytes,
			more->prealloc);
	}
	fprintf(out, "%s%d size=%ju page=%ju kind=%s share=%d prealloc=%d discard=%d nodes=%s:%s\n",
		more->device >= 0 ? "device " : "cell ", need->guest_cell, (uintmax_t)size,
		(uintmax_t)need->page_size_bytes, gr_domain_source_name(more->kind), need->shared,
		reserve && more->prealloc, more->discard, restrictive ? "" : nodes,
		gr_node_policy_name(restrictive ? GR_POLICY_DEFAULT : need->policy));
}

static const char *kind_of(const struct gr_qemu_backend *b)
{
	static const char *const kinds[GR_QEMU_KIND_COUNT] = {
		[GR_QEMU_RAM] = "anonymous",
		[GR_QEMU_FILE] = "file",
		[GR_QEMU_MEMFD] = "memfd",
	};

	assert_non_null(kinds[b->kind]);
	return kinds[b->kind];
}

/* libvirt's folders; an NVDIMM's file is none of them. */
static bool is_ram_path(const char *path)
{
	return !path || strstr(path, "/libvirt/") != NULL;
}

static void print_backend(FILE *out, const struct gr_qemu *qemu, const struct gr_qemu_backend *b,
			  const char *what, int cell)
{
	_cleanup_free_ char *nodes = gr_list_text(&b->host_nodes);

	fprintf(out, "%s%d size=%ju page=%ju kind=%s share=%d prealloc=%d discard=%d nodes=%s:%s\n",
		what, cell, (uintmax_t)b->size_bytes,
		(uintmax_t)(b->hugetlb ? b->hugetlbsize_bytes : page_of(b->mem_path)), kind_of(b),
		b->share, b->prealloc, strstr(qemu->argv[b->word], "\"discard-data\":true") != NULL,
		nodes, gr_node_policy_name(b->policy));
}

/*
 * What is requested of a virtio-mem device stands beside its object, not in it. Return: false if it
 * is nothing.
 */
static bool print_requested(FILE *out, const struct gr_qemu *qemu, const char *memdev)
{
	char name[80];

	snprintf(name, sizeof(name), "\"memdev\":\"%s\"", memdev);
	for (size_t i = 1; i < qemu->argc; i++) {
		const char *requested = strstr(qemu->argv[i], "\"requested-size\":");

		if (!strstr(qemu->argv[i], name) || !strstr(qemu->argv[i], "virtio-mem-pci"))
			continue;
		if (!requested)
			return false;
		fprintf(out, "requested=%.*s prealloc=%d ", (int)strcspn(requested + 17, ",}"),
			requested + 17, strstr(qemu->argv[i], "\"prealloc\":true") != NULL);
	}
	return true;
}

/* RAM of cells first, with or without objects, then that of devices in their order. */
static void print_objects(FILE *out, const struct gr_qemu *qemu)
{
	for (size_t i = 0; i < qemu->request.need_count; i++) {
		const struct gr_need *need = &qemu->request.needs[i];
		int at = qemu->sources[i].backend;
		uint64_t page = page_of(qemu->sources[i].mem_path);

		if (at < 0)
			fprintf(out,
				"cell %d size=%ju page=%ju kind=%s share=%d prealloc=%d discard=0 "
				"nodes=:default\n",
				need->guest_cell, (uintmax_t)need->memory_bytes, (uintmax_t)page,
				page ? "file" : "anonymous", need->shared, qemu->mem_prealloc);
		else if (qemu->backends[at].use == GR_QEMU_CELL ||
			 qemu->backends[at].use == GR_QEMU_WHOLE)
			print_backend(out, qemu, &qemu->backends[at], "cell ", need->guest_cell);
	}
	for (size_t i = 0; i < qemu->device_count; i++)
		for (size_t k = 0; k < qemu->backend_count; k++)
			if (strcmp(qemu->devices[i].memdev, qemu->backends[k].id) == 0 &&
			    is_ram_path(qemu->backends[k].mem_path) &&
			    print_requested(out, qemu, qemu->backends[k].id))
				print_backend(out, qemu, &qemu->backends[k], "device ",
					      qemu->devices[i].guest_node);
}

static struct gr_qemu *parse_argv(char *text)
{
	char *words[256] = { (char *)"qemu-system-x86_64" }, *line, *cursor = text;
	struct gr_qemu *qemu = NULL;
	size_t n = 1;

	while ((line = gr_next_line(&cursor)) && n < GR_ARRAY_SIZE(words) - 1)
		words[n++] = line;
	assert_int_equal(gr_qemu_parse(words, &qemu, NULL), 0);
	return qemu;
}

static unsigned int differences; /* all of them are shown, then the test fails */

static void __attribute__((format(printf, 1, 2))) differ(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	differences++;
}

static void compare_objects(const char *name, const struct gr_domain *domain, char *argv)
{
	_cleanup_qemu_ struct gr_qemu *qemu = parse_argv(argv);
	_cleanup_free_ char *ours = NULL, *theirs = NULL;
	size_t len;
	FILE *out = open_memstream(&ours, &len);

	for (size_t i = 0; i < domain->request.need_count; i++)
		print_need(out, domain, i);
	fprintf(out, "maxmem=%ju\n", (uintmax_t)domain->max_memory_bytes);
	fclose(out);
	out = open_memstream(&theirs, &len);
	print_objects(out, qemu);
	fprintf(out, "maxmem=%ju\n", (uintmax_t)qemu->max_memory_bytes);
	fclose(out);
	if (strcmp(ours, theirs) != 0)
		differ("%s\nours:\n%slibvirt's:\n%s", name, ours, theirs);
	if (domain->initial_bytes != qemu->memory_bytes || domain->locked != qemu->request.locked)
		differ("%s: -m or mem-lock is different\n", name);
}

static void compare_fixture(const char *name, bool *ret_refused)
{
	_cleanup_domain_ struct gr_domain *domain = parse_fixture(name);
	size_t len = 0;
	_cleanup_free_ char *argv = read_fixture(name, ".argv", &len);
	_cleanup_free_ char *why = read_fixture(name, ".err", &len);
	struct gr_error err = { 0 };
	bool refused = gr_domain_error(domain, &err) < 0;

	*ret_refused = why != NULL;
	if (!argv == !why)
		fail_msg("%s needs one of .argv and .err", name);
	if (is_in(host_matters, name)) {
		assert_non_null(why);
		if (refused)
			differ("%s: ours: %s\n", name, err.message);
		return;
	}
	if (is_in(qemu_refuses, name)) {
		assert_non_null(argv);
		assert_true(refused);
	} else if (refused != (why != NULL)) {
		differ("%s: ours: %s; libvirt: %s\n", name, refused ? err.message : "fine",
		       why ? why : "fine");
	}
	if (argv)
		compare_objects(name, domain, argv);
}

static void like_libvirt(void **state)
{
	DIR *dir = opendir(folder());
	size_t taken = 0, refused = 0;
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char *dot = strrchr(entry->d_name, '.');
		bool no;

		if (!dot || strcmp(dot, ".xml") != 0)
			continue;
		*dot = '\0';
		compare_fixture(entry->d_name, &no);
		refused += no;
		taken += !no;
	}
	closedir(dir);
	assert_int_equal(differences, 0);
	assert_true(taken >= 150);
	assert_true(refused >= 90);
}

#define MEMORY(rest) "<domain type='kvm'>\n<memory unit='GiB'>4</memory>\n" rest "\n</domain>"
#define BACKING(rest) MEMORY("<memoryBacking>" rest "</memoryBacking>")
#define CELLS                                                                                      \
	"<cpu><numa><cell id='0' memory='2' unit='GiB'/>\n<cell id='1' memory='2' unit='GiB'/>\n"  \
	"</numa></cpu>"

/* A document, and its problems as "line CODE!" (error), "line CODE" (warning), "line CODE?" (hint).
 */
static const struct {
	const char *xml;
	const char *problems;
} problem_rows[] = {
	{ MEMORY(""), "" },
	{ BACKING("<hugepages/>"), "" },
	{ "<domain type='kvm'><memory unit='GiBs'>4</memory></domain>", "1 GR431! 1 GR434!" },
	{ "<domain type='kvm'>\n<memory>4G</memory></domain>", "2 GR430! 2 GR434!" },
	{ "<domain type='kvm'><memory unit='EiB'>8</memory></domain>", "1 GR430! 1 GR434!" },
	{ "<domain><memory>1024</memory></domain>", "1 GR434!" },
	{ "<domain type='xen'><memory>1024</memory></domain>", "1 GR464" },
	{ MEMORY("<memory>1024</memory>"), "3 GR435" },
	{ BACKING("<hugepages><page size='3' unit='MiB'/></hugepages>"), "3 GR436!" },
	{ BACKING("<hugepages>\n<page/></hugepages>"), "4 GR434!" },
	{ MEMORY("<numatune><memory mode='strict' nodeset='1023'/></numatune>"), "" },
	{ MEMORY("<numatune><memory mode='strict' nodeset='1024'/></numatune>"), "3 GR432!" },
	{ MEMORY("<numatune><memory mode='strict' nodeset='0-4294967296'/></numatune>"),
	  "3 GR432!" },
	{ MEMORY("<vcpu placement='auto'>2</vcpu>"), "0 GR458" },
	{ MEMORY("<vcpu placement='auto'>2</vcpu><numatune><memory mode='strict' "
		 "nodeset='0'/></numatune>"),
	  "3 GR458" },
	{ BACKING("<hugepages><page size='2' unit='MiB' nodeset='x'/></hugepages>"), "3 GR432!" },
	{ BACKING("<hugepages>\n<page size='2' unit='MiB'/>\n<page size='1' "
		  "unit='GiB'/></hugepages>"),
	  "5 GR438!" },
	{ MEMORY("<memoryBacking><hugepages><page size='2' unit='MiB' nodeset='0-1'/>\n"
		 "<page size='1' unit='GiB' nodeset='1'/></hugepages></memoryBacking>" CELLS),
	  "4 GR439!" },
	{ MEMORY("<memoryBacking><hugepages><page size='2' unit='MiB' nodeset='0,2'/></hugepages>"
		 "</memoryBacking>" CELLS),
	  "3 GR440!" },
	{ BACKING("<hugepages><page size='2' unit='MiB' nodeset='1'/></hugepages>"), "3 GR440!" },
	{ BACKING("<hugepages/><source type='anonymous'/><allocation mode='ondemand'/>"),
	  "2 GR441! 2 GR442!" },
	{ BACKING("<source type='tape'/>\n<access mode='all'/>"), "3 GR433! 4 GR433!" },
	/* C61: shared alone puts RAM into a file on disk. */
	{ BACKING("<access mode='shared'/>"), "2 GR443" },
	{ BACKING("<source type='memfd'/><access mode='shared'/>"), "" },
	{ BACKING("<hugepages/><locked/>"), "2 GR445" },
	{ BACKING("<hugepages/><nosharepages/>"), "2 GR455?" },
	{ BACKING("<source type='memfd'/><discard/>"), "2 GR461?" },
	{ MEMORY("<currentMemory "
		 "unit='GiB'>2</currentMemory><memoryBacking><hugepages/></memoryBacking>"
		 "<devices><memballoon model='virtio' freePageReporting='on'/></devices>"),
	  "2 GR453? 2 GR454?" },
	{ MEMORY("<memtune><hard_limit unit='GiB'>3</hard_limit></memtune>"), "2 GR465" },
	{ MEMORY("<memtune><hard_limit unit='GiB'>6</hard_limit></memtune>"), "" },
	{ MEMORY("<numatune><memory mode='strict' placement='auto'/></numatune>"), "3 GR458" },
	{ MEMORY("<cpu><numa>\n<cell id='0' memory='4194304'/>\n<cell id='2' "
		 "memory='1'/></numa></cpu>"),
	  "2 GR452? 5 GR450!" },
	{ MEMORY(CELLS "<numatune>\n<memnode cellid='2' mode='strict' nodeset='0'/></numatune>"),
	  "6 GR451!" },
	{ MEMORY(CELLS "<devices>\n<memory model='dimm'><target><size unit='MiB'>512</size>"
		       "<node>0</node></target></memory></devices>"),
	  "2 GR452? 6 GR446!" },
	{ MEMORY("<maxMemory slots='1' unit='GiB'>8</maxMemory>"), "2 GR447!" },
	{ MEMORY("<maxMemory slots='1' unit='GiB'>2</maxMemory>" CELLS), "2 GR449!" },
	{ MEMORY("<maxMemory unit='GiB'>8</maxMemory>" CELLS), "3 GR434!" },
	{ MEMORY("<devices><filesystem>\n<driver type='virtiofs'/></filesystem></devices>"),
	  "2 GR444!" },
	{ MEMORY("<devices><interface type='vhostuser'/></devices>"), "2 GR421" },
	{ BACKING("<hugepages/></memoryBacking><devices><hostdev "
		  "type='pci'/></devices><memoryBacking>"),
	  "2 GR422" },
	{ BACKING("<hugepages/><access mode='shared'/></memoryBacking><devices><hostdev "
		  "type='pci'/>"
		  "</devices><memoryBacking>"),
	  "" },
	/* C91: private memory of confidential guests is not in these pages. */
	{ MEMORY("<launchSecurity type='tdx'/>"), "3 GR456" },
	{ MEMORY("<launchSecurity type='sev-snp'/>"), "3 GR456" },
	{ MEMORY("<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
		 "<q:arg value='-mem-path'/>\n<q:arg value='-snapshot'/></q:commandline>"),
	  "4 GR457" },
	/* At its limits: all of it requested; as many devices as slots; a current size of all. */
	{ MEMORY("<maxMemory slots='1' unit='GiB'>8</maxMemory>" CELLS
		 "<devices><memory model='virtio-mem'><target><size "
		 "unit='MiB'>4</size><node>1</node>"
		 "<block unit='MiB'>2</block><requested unit='MiB'>4</requested></target></memory>"
		 "<memory model='nvdimm'><source><path>/x</path></source><target><size>2048</size>"
		 "<node>0</node></target></memory></devices>"),
	  "2 GR452?" },
	{ MEMORY("<maxMemory slots='1' unit='GiB'>8</maxMemory>" CELLS
		 "<devices><memory model='virtio-pmem' "
		 "access='shared'><source><path>/x</path></source>"
		 "<target><size>2048</size><node>0</node></target></memory></devices>"),
	  "2 GR452? 5 GR448!" },
	{ MEMORY("<currentMemory unit='GiB'>4</currentMemory><memoryBacking><hugepages/>"
		 "</memoryBacking>"),
	  "" },
	{ MEMORY("<metadata><a:x xmlns:a='urn:guestram:domain:1'/>\n"
		 "<b:x xmlns:b='urn:guestram:domain:1'/></metadata>"),
	  "4 GR463" },
	/* C88: a page as large as the guest. */
	{ BACKING("<hugepages><page size='4' unit='GiB'/></hugepages>"), "3 GR437" },
	/* What depends on the host: 4 KiB base pages, 2 MiB by default. */
	{ BACKING("<hugepages><page size='4'/></hugepages>"), "2 GR459" },
	{ "<domain type='kvm'><memory "
	  "unit='MiB'>3</memory><memoryBacking><hugepages/></memoryBacking>"
	  "</domain>",
	  "1 GR406" },
	{ "<domain type='kvm'><memory unit='MiB'>3</memory><memoryBacking><hugepages/>"
	  "<source type='memfd'/></memoryBacking></domain>",
	  "1 GR406!" },
};

static void problems_by_line(void **state)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(problem_rows); i++) {
		_cleanup_domain_ struct gr_domain *domain = parse(problem_rows[i].xml);
		_cleanup_free_ char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		assert_int_equal(gr_domain_page_sizes(domain, 4096, 2 * GR_MIB), 0);
		for (size_t k = 0; k < domain->problem_count; k++) {
			const struct gr_domain_problem *p = &domain->problems[k];

			fprintf(out, "%s%lu %s%s", k ? " " : "", p->line, p->code,
				p->severity == GR_DOMAIN_ERROR ? "!" :
				p->severity == GR_DOMAIN_HINT  ? "?" :
								 "");
			assert_true(strlen(p->message) > 10);
		}
		fclose(out);
		if (strcmp(text, problem_rows[i].problems) != 0)
			fail_msg("%s\nis %s, should be %s", problem_rows[i].xml, text,
				 problem_rows[i].problems);
	}
}

/* The unknown default size of a host is said, not guessed. */
static void unknown_default(void **state)
{
	_cleanup_domain_ struct gr_domain *domain = parse(BACKING("<hugepages/>"));

	assert_int_equal(gr_domain_page_sizes(domain, 4096, 0), 0);
	assert_true(gr_domain_has_problem(domain, "GR460"));
	assert_true(domain->needs[0].hugetlb);
	assert_int_equal(domain->request.needs[0].page_size_bytes, 0);
}

/* C07, C83: every unit counts, whatever tools make of "524288 KB". */
static void units(void **state)
{
	static const struct {
		const char *number, *unit;
		uint64_t bytes;
	} rows[] = {
		{ "524288", "KB", UINT64_C(524288000) },
		{ "4", NULL, 4096 },
		{ "4", "", 4096 },
		{ "1", "TB", UINT64_C(1000000000000) },
		{ "1", "tib", UINT64_C(1) << 40 },
		{ " +7", "bytes", 7 },
	};
	uint64_t bytes;

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		assert_int_equal(gr_domain_scale(rows[i].number, rows[i].unit, &bytes), 0);
		assert_int_equal(bytes, rows[i].bytes);
	}
	assert_int_equal(gr_domain_scale("7 ", "KiB", &bytes), -EINVAL);
	assert_int_equal(gr_domain_scale("-7", "KiB", &bytes), -EINVAL);
	assert_int_equal(gr_domain_scale("", "KiB", &bytes), -EINVAL);
	assert_int_equal(gr_domain_scale("7", "KiBi", &bytes), -ENOENT);
	assert_int_equal(gr_domain_scale("8388608", "TiB", &bytes), -ERANGE);
	assert_int_equal(gr_domain_scale("18446744073709551616", "b", &bytes), -ERANGE);
}

/* C94: 16 GB in 2 MB pages are 8192 pages of 2 MiB if GiB was meant, and 7630 as it stands. */
static void page_arithmetic(void **state)
{
	_cleanup_domain_ struct gr_domain *gib =
		parse("<domain type='kvm'><memory unit='GiB'>16</memory><memoryBacking><hugepages/>"
		      "</memoryBacking></domain>");
	_cleanup_domain_ struct gr_domain *gb =
		parse("<domain type='kvm'><memory unit='GB'>16</memory><memoryBacking><hugepages/>"
		      "</memoryBacking></domain>");

	assert_int_equal(gr_div_up(gib->request.needs[0].memory_bytes, 2 * GR_MIB), 8192);
	assert_int_equal(gr_div_up(gb->request.needs[0].memory_bytes, 2 * GR_MIB), 7630);
}

/* C65: the limit on locked memory. */
static void locked_memory(void **state)
{
	static const struct {
		const char *xml;
		uint64_t bytes;
	} rows[] = {
		{ BACKING("<locked/>"), GR_DOMAIN_UNLIMITED },
		{ MEMORY("<memoryBacking><locked/></memoryBacking><memtune><hard_limit unit='KiB'>"
			 "10485760</hard_limit></memtune>"),
		  UINT64_C(10737418240) },
		{ MEMORY("<memtune><hard_limit>10485760</hard_limit></memtune>"), 0 },
		{ MEMORY("<memoryBacking><locked/></memoryBacking><memtune><hard_limit>"
			 "9007199254740991</hard_limit></memtune>"),
		  GR_DOMAIN_UNLIMITED },
		{ MEMORY("<devices><hostdev type='pci'/></devices>"), 5 * GR_GIB },
		{ MEMORY("<devices><hostdev type='usb'/></devices>"), 0 },
		{ BACKING("<hugepages/>"), 0 },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		_cleanup_domain_ struct gr_domain *domain = parse(rows[i].xml);

		assert_int_equal(gr_domain_memlock_bytes(domain), rows[i].bytes);
	}
}

/* Values that no object of QEMU shows. */
static void other_values(void **state)
{
	_cleanup_domain_ struct gr_domain *domain = parse(
		"<domain type='kvm' id='7'><name>a&amp;b</name><uuid>u-1</uuid>"
		"<memory unit='GiB'>8</memory><currentMemory unit='GiB'>4</currentMemory>"
		"<vcpu placement='static'>6</vcpu><os><type arch='x86_64' "
		"machine='q35'>hvm</type></os>"
		"<memoryBacking><allocation mode='immediate' threads='3'/></memoryBacking>"
		"<metadata><other xmlns='urn:x'><memory>9</memory></other>"
		"<g:domain xmlns:g='urn:guestram:domain:1' backing='dynamic' goal='performance' "
		"g:x='no'/></metadata>"
		"<devices><memballoon model='virtio' autodeflate='on'/>"
		"<hostdev type='mdev' model='vfio-pci'/><hostdev type='mdev' model='vfio-ap'/>"
		"<interface type='hostdev'/><disk type='nvme'/><disk "
		"type='file'/></devices></domain>");

	assert_string_equal(domain->name, "a&b");
	assert_string_equal(domain->request.name, "a&b");
	assert_string_equal(domain->uuid, "u-1");
	assert_string_equal(domain->arch, "x86_64");
	assert_string_equal(domain->machine, "q35");
	assert_int_equal(domain->vcpus, 6);
	assert_int_equal(domain->current_memory_bytes, 4 * GR_GIB);
	assert_int_equal(domain->memory_bytes, 8 * GR_GIB);
	assert_int_equal(domain->allocation_threads, 3);
	assert_int_equal(domain->vfio_devices, 3);
	assert_true(domain->request.passthrough);
	assert_true(domain->request.balloon);
	assert_false(domain->request.shared);
	assert_int_equal(domain->policy_count, 2);
	assert_string_equal(domain->policies[0].key, "backing");
	assert_string_equal(domain->policies[0].value, "dynamic");
	assert_string_equal(domain->policies[1].key, "goal");
	assert_false(gr_domain_error(domain, NULL) < 0);
}

/* Values of memory devices and limits that change no object, too. */
static void device_values(void **state)
{
	_cleanup_domain_ struct gr_domain *domain = parse(
		MEMORY("<memtune><hard_limit>1</hard_limit><soft_limit>2</soft_limit>"
		       "<swap_hard_limit>3</swap_hard_limit><min_guarantee>4</min_guarantee>"
		       "</memtune><devices><memory model='nvdimm'><source><path>/x</path>"
		       "<alignsize>5</alignsize><pmem/></source><target><size>6</size>"
		       "<node>0</node><label><size>7</size></label><readonly/></target></memory>"
		       "<memory model='virtio-mem'><source><pagesize unit='MiB'>2</pagesize>"
		       "<nodemask>1</nodemask></source><target><size unit='GiB'>2</size>"
		       "<block unit='MiB'>2</block><requested unit='MiB'>8</requested>"
		       "<current unit='MiB'>16</current></target></memory></devices>"));
	const struct gr_domain_device *nvdimm = &domain->devices[0], *mem = &domain->devices[1];

	assert_int_equal(domain->limits.hard_bytes, 1024);
	assert_int_equal(domain->limits.soft_bytes, 2048);
	assert_int_equal(domain->limits.swap_hard_bytes, 3072);
	assert_int_equal(domain->limits.min_guarantee_bytes, 4096);
	assert_true(nvdimm->pmem && nvdimm->readonly);
	assert_string_equal(nvdimm->path, "/x");
	assert_int_equal(nvdimm->align_bytes, 5 << 10);
	assert_int_equal(nvdimm->size_bytes, 6 << 10);
	assert_int_equal(nvdimm->label_bytes, 7 << 10);
	assert_false(mem->pmem || mem->readonly);
	assert_int_equal(mem->guest_node, -1);
	/* Live, what it has already counts. */
	assert_int_equal(domain->request.need_count, 2);
	assert_int_equal(domain->request.needs[1].memory_bytes, 16 * GR_MIB);
	assert_int_equal(domain->request.needs[1].page_size_bytes, 2 * GR_MIB);
}

static void confidential(void **state)
{
	static const struct {
		const char *type;
		enum gr_domain_security security;
	} rows[] = {
		{ "sev", GR_SECURITY_SEV },    { "sev-snp", GR_SECURITY_SEV_SNP },
		{ "tdx", GR_SECURITY_TDX },    { "s390-pv", GR_SECURITY_S390_PV },
		{ "none", GR_SECURITY_OTHER }, { "other", GR_SECURITY_OTHER },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		char text[200];

		snprintf(text, sizeof(text), MEMORY("<launchSecurity type='%s'/>"), rows[i].type);
		_cleanup_domain_ struct gr_domain *domain = parse(text);

		assert_int_equal(domain->security, rows[i].security);
	}
}

/* Without a policy QEMU's pages come from the emulator's cpuset, whatever the cell says. */
static void restrictive_nodes(void **state)
{
	static const struct {
		const char *tune, *nodes;
	} rows[] = {
		{ "<memory mode='restrictive' nodeset='2'/>", "2" },
		{ "<memory mode='restrictive' nodeset='2'/>"
		  "<memnode cellid='0' mode='restrictive' nodeset='1'/>",
		  "2" },
		{ "<memory mode='strict' nodeset='3'/>"
		  "<memnode cellid='0' mode='restrictive' nodeset='1'/>",
		  "3" },
		{ "<memory mode='preferred' nodeset='3'/>"
		  "<memnode cellid='0' mode='restrictive' nodeset='1'/>",
		  "" },
		{ "<memnode cellid='0' mode='restrictive' nodeset='1'/>", "" },
		{ "<memnode cellid='0' mode='strict' nodeset='1'/>", "1" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		char text[600];

		snprintf(text, sizeof(text), MEMORY(CELLS "<numatune>%s</numatune>"), rows[i].tune);
		_cleanup_domain_ struct gr_domain *domain = parse(text);
		const struct gr_need *need = &domain->request.needs[0];
		_cleanup_free_ char *nodes = gr_list_text(&need->host_nodes);

		assert_string_equal(nodes, rows[i].nodes);
		assert_int_equal(need->policy, *nodes ? GR_POLICY_BIND : GR_POLICY_DEFAULT);
	}
}

/* What else the VM does with its memory, in letters: see the switch below. */
static void traits(void **state)
{
	static const struct {
		const char *xml, *letters;
	} rows[] = {
		{ MEMORY(""), "" },
		{ MEMORY("<devices><memballoon model='virtio'/></devices>"), "B" },
		{ MEMORY("<devices><memballoon model='none' autodeflate='on'/></devices>"), "" },
		{ MEMORY("<devices><memballoon model='virtio' autodeflate='on'/></devices>"),
		  "Bb" },
		{ MEMORY("<devices><memballoon model='virtio' freePageReporting='on'/></devices>"),
		  "BbF" },
		{ MEMORY("<currentMemory unit='GiB'>4</currentMemory><devices>"
			 "<memballoon model='virtio'/></devices>"),
		  "B" },
		{ MEMORY("<currentMemory unit='GiB'>3</currentMemory><devices>"
			 "<memballoon model='virtio'/></devices>"),
		  "Bb" },
		{ MEMORY("<currentMemory unit='GiB'>3</currentMemory>"), "" },
		{ MEMORY("<maxMemory slots='1' unit='GiB'>8</maxMemory>" CELLS), "h" },
		{ MEMORY("<devices><hostdev type='pci'/></devices>"), "p" },
		{ MEMORY("<devices><interface type='vdpa'/></devices>"), "p" },
		{ MEMORY("<devices><interface type='vhostuser'/></devices>"), "s" },
		{ MEMORY("<devices><disk type='vhostuser'/></devices>"), "s" },
		{ MEMORY("<devices><video><driver name='vhostuser'/></video></devices>"), "s" },
		{ MEMORY("<devices><filesystem><driver type='virtiofs'/></filesystem></devices>"),
		  "s" },
		{ MEMORY("<devices><filesystem><driver type='path'/></filesystem></devices>"), "" },
		{ BACKING("<locked/>"), "l" },
		{ BACKING("<locked/><locked/>"), "l" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		_cleanup_domain_ struct gr_domain *domain = parse(rows[i].xml);
		const struct gr_request *r = &domain->request;
		char got[16];

		snprintf(got, sizeof(got), "%s%s%s%s%s%s%s", domain->balloon ? "B" : "",
			 r->balloon ? "b" : "", domain->free_page_reporting ? "F" : "",
			 r->memory_hotplug ? "h" : "", r->passthrough ? "p" : "",
			 r->shared ? "s" : "", r->locked ? "l" : "");
		if (strcmp(got, rows[i].letters) != 0)
			fail_msg("%s is %s, should be %s", rows[i].xml, got, rows[i].letters);
		assert_false(r->ksm || r->migration);
	}
}

static void names(void **state)
{
	_cleanup_domain_ struct gr_domain *domain = parse(
		MEMORY("<devices><memory model='dimm'><target><size unit='GiB'>1</size></target>"
		       "</memory></devices>"));
	char buf[32];

	assert_string_equal(gr_domain_need_name(domain, 0, buf), "guest RAM");
	assert_string_equal(gr_domain_need_name(domain, 1, buf), "memory device 1");
	assert_string_equal(gr_domain_severity_name(GR_DOMAIN_HINT), "hint");
	assert_string_equal(gr_domain_severity_name(GR_DOMAIN_WARNING), "warning");
	assert_string_equal(gr_domain_severity_name(GR_DOMAIN_ERROR), "error");
	assert_string_equal(gr_domain_source_name(GR_SOURCE_MEMFD), "memfd");
	assert_string_equal(gr_domain_source_name(GR_SOURCE_COUNT), "unknown");
	assert_string_equal(gr_domain_access_name(GR_ACCESS_SHARED), "shared");
	assert_string_equal(gr_domain_allocation_name(GR_ALLOCATION_ONDEMAND), "ondemand");
	assert_string_equal(gr_domain_mode_name(GR_MODE_RESTRICTIVE), "restrictive");
	assert_string_equal(gr_domain_security_name(GR_SECURITY_TDX), "tdx");
	assert_string_equal(gr_domain_model_name(GR_MODEL_VIRTIO_MEM), "virtio-mem");
}

#define DEVICE(model, source, target)                                                              \
	"<memory model='" model "'><source>" source "</source><target>" target "</target></"       \
	"memory>"

static void one_flag_each(void **state)
{
	_cleanup_domain_ struct gr_domain *domain =
		parse(MEMORY("<devices>" DEVICE("nvdimm", "<pmem/>", "<size>1</size>") DEVICE(
			"nvdimm", "", "<readonly/><size>1</size>") "</devices>"));

	assert_true(domain->devices[0].pmem && !domain->devices[0].readonly);
	assert_true(!domain->devices[1].pmem && domain->devices[1].readonly);
}

/* A live domain, as in /run/libvirt/qemu/NAME.xml. */
static void live_status(void **state)
{
	_cleanup_domain_ struct gr_domain *domain =
		parse("<domstatus state='running' pid='12'>\n<monitor path='/x'/>\n"
		      "<domain type='qemu'><name>n</name><memory unit='KiB'>2097152</memory>"
		      "<memoryBacking><hugepages/></memoryBacking></domain>\n"
		      "<domain type='qemu'><name>second</name></domain></domstatus>");

	assert_string_equal(domain->name, "n");
	assert_int_equal(domain->request.need_count, 1);
	assert_int_equal(domain->request.needs[0].memory_bytes, 2 * GR_GIB);
	assert_true(domain->needs[0].hugetlb);
}

static void power_rounds_to_256m(void **state)
{
	_cleanup_domain_ struct gr_domain *domain =
		parse("<domain type='kvm'><memory unit='MiB'>1000</memory><os><type "
		      "arch='ppc64le'>hvm</type>"
		      "</os></domain>");

	assert_int_equal(domain->request.needs[0].memory_bytes, GR_GIB);
}

static void interest(void **state)
{
	static const struct {
		const char *text;
		bool yes;
	} rows[] = {
		{ "", false },
		{ "<domain><memory>1</memory></domain>", false },
		{ "<domain><memoryBacking><hugepages/></memoryBacking></domain>", true },
		{ "<a xmlns='urn:guestram:domain:1'/>", true },
		{ "<a xmlns='urn:&#103;uestram:domain:1'/>", true },
		{ "<memory model='dimm'><source><pagesize>2048</pagesize></source></memory>",
		  true },
		{ "\xff\xfe<", true },
		{ "\xfe\xff<", true },
		{ "\xfe\xfe<", false },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++)
		assert_int_equal(gr_domain_has_interest(rows[i].text, strlen(rows[i].text)),
				 rows[i].yes);
	assert_true(gr_domain_has_interest("a\0b", 3));
}

/* Every fixture that comes to huge pages is of interest. */
static void interest_in_fixtures(void **state)
{
	DIR *dir = opendir(folder());
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char *dot = strrchr(entry->d_name, '.');
		size_t len = 0;
		bool huge = false;

		if (!dot || strcmp(dot, ".xml") != 0)
			continue;
		*dot = '\0';
		_cleanup_free_ char *text = read_fixture(entry->d_name, ".xml", &len);
		_cleanup_domain_ struct gr_domain *domain = parse(text);

		for (size_t i = 0; i < domain->request.need_count; i++)
			huge |= domain->needs[i].hugetlb;
		if (huge && !gr_domain_has_interest(text, len))
			fail_msg("%s", entry->d_name);
		count += huge;
	}
	closedir(dir);
	assert_true(count > 100);
}

static void refuse(const char *text, size_t len, int r, const char *why)
{
	struct gr_domain *domain = NULL;
	struct gr_error err = { 0 };
	int got = gr_domain_parse(text, len, &domain, &err);

	if (got != r || !strstr(err.message, why))
		fail_msg("%.60s: %d %s, should be %d %s", text, got, err.message, r, why);
	assert_null(domain);
}

static void refuse_text(const char *text, int r, const char *why)
{
	refuse(text, strlen(text), r, why);
}

static void hostile(void **state)
{
	refuse_text("", -EINVAL, "empty");
	refuse_text("no XML", -EINVAL, "not XML");
	refuse_text("<domain type='kvm'><memory>1", -EINVAL, "not XML");	     /* truncated */
	refuse_text("<domain type='kvm'/><domain type='kvm'/>", -EINVAL, "not XML"); /* two roots */
	refuse_text("<network><name>n</name></network>", -EINVAL, "no <domain>");
	refuse_text("<domain type='kvm'>\n&bomb;</domain>", -EINVAL, "line 2");
	refuse_text("<domain type='kvm'><name>\xff\xff</name></domain>", -EINVAL, "not XML");
	refuse_text("<?xml version='1.0' encoding='UTF-7'?><domain/>", -EINVAL, "not XML");
	refuse_text("<!DOCTYPE domain><domain type='kvm'/>", -EINVAL, "DTD");
	refuse_text("<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>"
		    "<!ENTITY c '&b;&b;&b;&b;'>]><domain>&c;</domain>",
		    -EINVAL, "DTD");
	refuse_text("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><domain/>", -EINVAL, "DTD");
	refuse("<domain>\0</domain>", 18, -EINVAL, "zero byte");
	refuse("\xff\xfe<\0d\0/\0>\0", 10, -EINVAL, "UTF-16");
	refuse("\xfe\xff\0<\0d\0/\0>", 10, -EINVAL, "UTF-16");
}

/* @count times @piece between @before and @after. */
static char *repeat(const char *before, const char *piece, size_t count, const char *after)
{
	size_t len = strlen(piece);
	char *text = malloc(strlen(before) + count * len + strlen(after) + 1), *at;

	assert_non_null(text);
	at = stpcpy(text, before);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, piece);
	strcpy(at, after);
	return text;
}

static void too_much(void **state)
{
	size_t len = 100u << 20;
	char *text = calloc(1, len);
	struct gr_domain *domain;

	assert_non_null(text);
	refuse(text, len, -E2BIG, "104857600 bytes"); /* not even looked at */
	free(text);
	text = repeat("<domain type='kvm'>", "<a>", 10000, "");
	refuse_text(text, -E2BIG, "nested");
	free(text);
	text = repeat("<domain type='kvm'>", "<a>", GR_DOMAIN_DEPTH_MAX, "");
	refuse_text(text, -E2BIG, "nested");
	free(text);
	text = repeat("<domain type='kvm'>", "<a>", GR_DOMAIN_DEPTH_MAX - 1, "");
	refuse_text(text, -EINVAL, "not XML"); /* deep enough, but not closed */
	free(text);
	text = repeat("<domain type='kvm'/>", " ", GR_DOMAIN_TEXT_MAX - 20, "");
	gr_domain_free(parse(text));
	free(text);
	text = repeat("<domain type='kvm'/>", " ", GR_DOMAIN_TEXT_MAX - 19, "");
	refuse_text(text, -E2BIG, "16777217 bytes");
	free(text);
	text = repeat("<domain type='kvm'>", "<a/>", GR_DOMAIN_ELEMENTS_MAX, "</domain>");
	refuse_text(text, -E2BIG, "more elements");
	free(text);
	text = repeat("<domain type='kvm'><memory>", "1", 5000, "</memory></domain>");
	refuse_text(text, -E2BIG, "longer");
	free(text);
	text = repeat("<domain type='kvm'><cpu><numa>", "<cell memory='1'/>", 5000,
		      "</numa></cpu></domain>");
	domain = parse(text);
	assert_int_equal(domain->cell_count, GR_DOMAIN_ITEMS_MAX);
	assert_true(gr_domain_has_problem(domain, "GR462"));
	gr_domain_free(domain);
	free(text);
	text = repeat("<domain type='kvm'>", "<memory unit='x'>1</memory>", 5000, "</domain>");
	domain = parse(text);
	assert_int_equal(domain->problem_count, GR_DOMAIN_PROBLEMS_MAX);
	gr_domain_free(domain);
	free(text);
}

/* Depth is what libvirt's own chains of disk images need. */
static void deep_but_valid(void **state)
{
	char *open = repeat("<domain type='kvm'><memory>2048</memory><devices><disk>",
			    "<backingStore>", 200, "");
	char *all = repeat(open, "</backingStore>", 200, "</disk></devices></domain>");
	struct gr_domain *domain = parse(all);

	assert_int_equal(domain->memory_bytes, 2 * GR_MIB);
	gr_domain_free(domain);
	free(open);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_libvirt),
		cmocka_unit_test(problems_by_line),
		cmocka_unit_test(unknown_default),
		cmocka_unit_test(units),
		cmocka_unit_test(page_arithmetic),
		cmocka_unit_test(locked_memory),
		cmocka_unit_test(other_values),
		cmocka_unit_test(traits),
		cmocka_unit_test(names),
		cmocka_unit_test(one_flag_each),
		cmocka_unit_test(device_values),
		cmocka_unit_test(confidential),
		cmocka_unit_test(restrictive_nodes),
		cmocka_unit_test(live_status),
		cmocka_unit_test(power_rounds_to_256m),
		cmocka_unit_test(interest),
		cmocka_unit_test(interest_in_fixtures),
		cmocka_unit_test(hostile),
		cmocka_unit_test(too_much),
		cmocka_unit_test(deep_but_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
