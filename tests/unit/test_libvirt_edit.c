// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Editing of domains: what is not ours stays byte for byte, doing it twice is doing it once, and
 * undoing gives the first text back, for every domain that libvirt takes of the fixtures and for
 * hostile layouts. The diff is checked by what `patch` would make of it.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/size.h"
#include "base/util.h"
#include "libvirt/edit.h"
#include "libvirt/xml_edit.h"

static const struct gr_enable usual = { .base_page_bytes = 4096, .default_page_bytes = 2 * GR_MIB };

#define HEAD "<domain type='kvm'>\n  <name>a</name>\n  <memory unit='MiB'>64</memory>\n"
#define TAIL "  <os><type arch='x86_64' machine='q35'>hvm</type></os>\n</domain>\n"

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(file);
	fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
	return text;
}

/* Enabled, or NULL where that is refused. */
static char *enabled(const char *text, const struct gr_enable *how, struct gr_error *err)
{
	struct gr_edit edit = { 0 };
	char *out;

	if (gr_edit_enable(text, strlen(text), how, &edit, err) < 0)
		return NULL;
	out = gr_steal_ptr(edit.text);
	gr_edit_done(&edit);
	return out;
}

static char *disabled(const char *text)
{
	struct gr_edit edit = { 0 };
	char *out;

	assert_int_equal(gr_edit_disable(text, strlen(text), &edit, NULL), 0);
	out = gr_steal_ptr(edit.text);
	gr_edit_done(&edit);
	return out;
}

/* There, there again, and back; with every backing. Return: was any of them possible? */
static bool round_trip(const char *name, const char *text)
{
	bool any = false;

	for (enum gr_policy_backing b = GR_WANT_UNSET; b < GR_WANT_COUNT; b++) {
		struct gr_enable how = usual;
		_cleanup_free_ char *once = NULL, *twice = NULL, *plain = NULL, *back = NULL;
		struct gr_error err = { 0 };

		how.backing = b;
		once = enabled(text, &how, &err);
		if (!once)
			continue;
		any = true;
		assert_string_not_equal(once, text);
		twice = enabled(once, &how, &err);
		assert_non_null(twice);
		if (strcmp(once, twice) != 0)
			print_message("%s with %s\n", name, gr_policy_backing_name(b));
		assert_string_equal(once, twice);
		plain = enabled(once, &usual, &err); /* nothing said: as before */
		assert_non_null(plain);
		assert_string_equal(once, plain);
		back = disabled(once);
		if (strcmp(back, text) != 0)
			print_message("%s with %s\n%s", name, gr_policy_backing_name(b), once);
		assert_string_equal(back, text);
	}
	return any;
}

static void fixtures_come_back(void **state)
{
	DIR *dir = opendir(GR_FIXTURES "/domain");
	int all = 0, edited = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		_cleanup_free_ char *text = NULL;
		char path[1024];

		if (!strstr(entry->d_name, ".xml"))
			continue;
		snprintf(path, sizeof(path), GR_FIXTURES "/domain/%s", entry->d_name);
		text = read_file(path);
		all++;
		edited += round_trip(entry->d_name, text);
	}
	closedir(dir);
	print_message("%d of %d domains could be edited\n", edited, all);
	assert_true(edited > all / 2);
}

static void odd_layouts_come_back(void **state)
{
	static const char *const texts[] = {
		HEAD TAIL,
		"<domain type='kvm'><name>a</name><memory>65536</memory></domain>",
		"<domain type='kvm'>\n\t<name>a</name>\n\n\t<!-- c -->\n\t<memory>65536</memory>\n"
		"\t<memoryBacking/>\n\t<metadata />\n</domain>",
		"<domain type=\"kvm\">\r\n  <memoryBacking>\r\n  </memoryBacking>\r\n"
		"  <memory>65536</memory></domain>",
		HEAD "<metadata><x:y xmlns:x='urn:x'>text &amp; more</x:y></metadata>" TAIL,
		HEAD "<metadata>\n <!-- <guestram/> -->\n</metadata>" TAIL,
		HEAD "<memoryBacking><!-- mine --><source type=\"anonymous\" /><discard/>"
		     "<allocation threads=\"2\" mode = \"ondemand\"/></memoryBacking>" TAIL,
		HEAD "  <memoryBacking>\n    <hugepages>\n      <page size='1' unit='MiB'/>\n"
		     "    </hugepages>\n    <discard/>\n    <locked/>\n  </memoryBacking>\n" TAIL,
		HEAD "  <memoryBacking>\n    <locked/>\n    <!-- why -->\n    <discard/>\n"
		     "    <!-- end -->\n  </memoryBacking>\n" TAIL,
		HEAD
		"<metadata><z:d xmlns:z='urn:guestram:domain:1' timeout='20s'/></metadata>" TAIL,
		HEAD "<metadata><z:d xmlns:z='urn:guestram:domain:1' goal='density'><z:note/></z:d>"
		     "</metadata>" TAIL,
		"<?xml version='1.0' encoding='UTF-8'?>\n<!-- \xc3\xa9 -->\n" HEAD
		"  <title>\xe2\x82\xac &lt;</title>\n" TAIL "<!-- end -->\n",
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		if (!round_trip("layout", texts[i]))
			print_message("%zu: %s\n", i, texts[i]);
		assert_true(round_trip("layout", texts[i]));
	}
}

static void writes_what_is_needed(void **state)
{
	struct gr_error err = { 0 };
	_cleanup_free_ char *text = enabled(HEAD TAIL, &usual, &err);
	static const char wanted[] = "  <memory unit='MiB'>64</memory>\n"
				     "  <memoryBacking>\n"
				     "    <hugepages>\n"
				     "      <page size='2048' unit='KiB'/>\n"
				     "    </hugepages>\n"
				     "    <source type='memfd'/>\n"
				     "    <allocation mode='immediate'/>\n"
				     "  </memoryBacking>\n"
				     "  <os>";

	assert_non_null(text);
	assert_non_null(strstr(text, wanted));
	assert_non_null(strstr(text, "<guestram:domain xmlns:guestram='urn:guestram:domain:1' "
				     "backing='dynamic' page-size='2M'>"));
	assert_null(strstr(text, "shared"));
}

static void cells_have_sizes_of_their_own(void **state)
{
	struct gr_enable how = usual;
	struct gr_error err = { 0 };
	_cleanup_free_ char *text = NULL, *wrong = NULL;

	how.pages[0].size_bytes = 2 * GR_MIB;
	how.pages[0].cells = "0";
	how.pages[1].size_bytes = GR_GIB;
	how.pages[1].cells = "1";
	how.page_count = 2;
	text = enabled("<domain type='kvm'>\n  <name>a</name>\n  <memory unit='GiB'>3</memory>\n"
		       "  <vcpu>2</vcpu>\n  <cpu>\n    <numa>\n"
		       "      <cell id='0' cpus='0' memory='1' unit='GiB'/>\n"
		       "      <cell id='1' cpus='1' memory='2' unit='GiB' memAccess='private'/>\n"
		       "    </numa>\n  </cpu>\n" TAIL,
		       &how, &err);
	assert_non_null(text);
	assert_non_null(strstr(text, "<page size='2048' unit='KiB' nodeset='0'/>"));
	assert_non_null(strstr(text, "<page size='1048576' unit='KiB' nodeset='1'/>"));
	wrong = enabled(HEAD TAIL, &how, &err); /* there is no cell 1 */
	assert_null(wrong);
	assert_int_equal(err.class, GR_CLASS_USAGE);
}

static void conflicts_go(void **state)
{
	static const char domain[] =
		HEAD "  <currentMemory unit='MiB'>32</currentMemory>\n"
		     "  <memtune><hard_limit unit='MiB'>64</hard_limit></memtune>\n"
		     "  <memoryBacking><source type='anonymous'/><access mode='private'/><discard/>"
		     "<allocation mode='ondemand' threads='2'/></memoryBacking>\n"
		     "  <devices>\n    <memballoon model='virtio' freePageReporting='on'/>\n"
		     "    <filesystem type='mount'><driver type='virtiofs'/><source dir='/a'/>"
		     "<target dir='b'/></filesystem>\n"
		     "    <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='1' "
		     "slot='0' function='0'/></source></hostdev>\n  </devices>\n" TAIL;
	struct gr_edit edit = { 0 };
	bool warned = false;

	assert_int_equal(gr_edit_enable(domain, strlen(domain), &usual, &edit, NULL), 0);
	assert_non_null(strstr(edit.text, "<source type='memfd'/>"));
	assert_non_null(strstr(edit.text, "<access mode='shared'/>"));
	assert_non_null(strstr(edit.text, "<allocation mode='immediate' threads='2'/>"));
	assert_non_null(strstr(edit.text, "freePageReporting='off'"));
	assert_non_null(strstr(edit.text, "<hard_limit unit='KiB'>1114112</hard_limit>"));
	assert_null(strstr(edit.text, "<discard/>\n"));
	for (size_t i = 0; i < edit.change_count; i++)
		warned |= edit.changes[i].kind == GR_CHANGE_WARN;
	assert_true(warned);
	gr_edit_done(&edit);
}

/* What somebody changed after us stays, and is told; the rest goes back. */
static void later_changes_stay(void **state)
{
	struct gr_error err = { 0 };
	_cleanup_free_ char *text = enabled(HEAD "  <memoryBacking>\n    <locked/>\n"
						 "  </memoryBacking>\n" TAIL,
					    &usual, &err);
	struct gr_edit edit = { 0 };
	char *source;
	int left = 0;

	assert_non_null(text);
	source = strstr(text, "<source type='memfd'/>");
	assert_non_null(source);
	memcpy(source, "<source type='file' />", 22);
	assert_int_equal(gr_edit_disable(text, strlen(text), &edit, NULL), 0);
	assert_non_null(strstr(edit.text, "<locked/>\n    <source type='file' />\n  </memoryB"));
	assert_null(strstr(edit.text, "hugepages"));
	assert_null(strstr(edit.text, "metadata"));
	for (size_t i = 0; i < edit.change_count; i++)
		left += edit.changes[i].kind == GR_CHANGE_LEFT;
	assert_int_equal(left, 1);
	gr_edit_done(&edit);
}

static void refuses(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"<domain type='kvm'>",
		"<network><name>a</name></network>",
		"<domain type='xen'><name>a</name><memory>65536</memory></domain>",
		"<!DOCTYPE d [<!ENTITY a 'b'>]><domain type='kvm'><memory>65536</memory></domain>",
		HEAD "<launchSecurity type='tdx'/>" TAIL,
		/* 63 MiB are no whole pages of 2 MiB */
		"<domain type='kvm'><name>a</name><memory unit='MiB'>63</memory></domain>",
		HEAD
		"<metadata><z:d xmlns:z='urn:guestram:domain:1' backing='fast'/></metadata>" TAIL,
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		struct gr_error err = { 0 };
		_cleanup_free_ char *text = enabled(texts[i], &usual, &err);

		if (text)
			print_message("%s\n", texts[i]);
		assert_null(text);
		assert_int_equal(err.class, GR_CLASS_USAGE);
		assert_true(err.message[0]);
	}
}

static void paths_of_strangers_are_not_followed(void **state)
{
	static const char domain[] =
		HEAD "  <metadata><g:domain xmlns:g='urn:guestram:domain:1'>"
		     "<g:undo path='name' was='&lt;name&gt;evil&lt;/name&gt;' "
		     "set='&lt;name&gt;a&lt;/name&gt;'/></g:domain></metadata>\n" TAIL;
	_cleanup_free_ char *text = disabled(domain);

	assert_non_null(strstr(text, "<name>a</name>"));
}

static void attributes(void **state)
{
	static const struct {
		const char *text, *name, *value, *want;
	} cases[] = {
		{ "<a/>", "b", "1", "<a b='1'/>" },
		{ "<a b=\"2\"/>", "b", "1", "<a b='1'/>" },
		{ "<a  b = '2'  c='3' />", "b", NULL, "<a  c='3' />" },
		{ "<a c='b=1'>b='7'</a>", "b", "1", "<a c='b=1' b='1'>b='7'</a>" },
		{ "<a bb='2'\n\tb='/>'>x</a>", "b", "1", "<a bb='2' b='1'>x</a>" },
		{ "<a>t</a>", "b", NULL, "<a>t</a>" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = NULL;

		assert_int_equal(
			gr_xml_attr(cases[i].text, cases[i].name, cases[i].value, &got, NULL), 0);
		assert_string_equal(got, cases[i].want);
	}
}

static void diffs(void **state)
{
	_cleanup_free_ char *none = NULL, *one = NULL, *two = NULL;

	assert_int_equal(gr_diff("a\nb\n", "a\nb\n", &none), 0);
	assert_string_equal(none, "");
	assert_int_equal(gr_diff("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\nx\ny\n6\n", &one), 0);
	assert_string_equal(one, "@@ -2,5 +2,6 @@\n 2\n 3\n 4\n-5\n+x\n+y\n 6\n");
	assert_int_equal(gr_diff("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "1\n2\n3\n4\n5\n6\n7\nc\n", &two),
			 0);
	assert_string_equal(
		two, "@@ -1,4 +1,3 @@\n-a\n 1\n 2\n 3\n@@ -6,4 +5,4 @@\n 5\n 6\n 7\n-b\n+c\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes),
		cmocka_unit_test(diffs),
		cmocka_unit_test(writes_what_is_needed),
		cmocka_unit_test(odd_layouts_come_back),
		cmocka_unit_test(fixtures_come_back),
		cmocka_unit_test(cells_have_sizes_of_their_own),
		cmocka_unit_test(conflicts_go),
		cmocka_unit_test(later_changes_stay),
		cmocka_unit_test(refuses),
		cmocka_unit_test(paths_of_strangers_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
