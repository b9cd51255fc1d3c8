// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is read before anything is explained: patterns, words of a command line, logs in the forms
 * that people have, and the small configuration files. Pure.
 */
#include "temp_root.h"

#include "base/util.h"
#include "doctor/evidence.h"
#include "doctor/log.h"
#include "doctor/words.h"
#include "guest/argv.h"

#define E01 "unable to map backing store for guest RAM: Cannot allocate memory"

static void patterns(void **state)
{
	struct gr_match m = { 0 };

	assert_true(gr_pattern_match("usable * for # KiB", "no USABLE mount for 1048576 KiB", &m));
	assert_int_equal(m.number_count, 1);
	assert_int_equal(m.numbers[0], 1048576);
	assert_true(gr_pattern_match("size # than #", "x size 0x1F than 0x200000", &m));
	assert_int_equal(m.numbers[0], 31);
	assert_int_equal(m.numbers[1], 0x200000);
	assert_true(gr_pattern_match("name=\"@\"", "a name=\"/dev/hugepages\" b", &m));
	assert_int_equal(m.word_lengths[0], 14);
	assert_true(gr_pattern_match("n #", "n 99999999999999999999", &m));
	assert_true(m.numbers[0] == UINT64_MAX);
	assert_false(gr_pattern_match("a*b", "b a", &m));
	assert_false(gr_pattern_match("n #", "n x", &m));
	assert_false(gr_pattern_match("n #", "", &m));
	/* The first place does not fit, a later one does. */
	assert_true(gr_pattern_match("no # x", "no 1 y no 2 x", &m));
	assert_int_equal(m.numbers[0], 2);
	assert_int_equal(m.number_count, 1);
}

static void words(void **state)
{
	static const char text[] =
		"LC_ALL=C \\\n/usr/bin/qemu -object '{\"a\":\"b c\"}' \"x \\\" y\" '' z\\ z";
	size_t count;
	char **list;

	assert_int_equal(gr_words_split(text, strlen(text), &list, &count), 0);
	assert_int_equal(count, 7);
	assert_string_equal(list[3], "{\"a\":\"b c\"}");
	assert_string_equal(list[4], "x \" y");
	assert_string_equal(list[5], "");
	assert_string_equal(list[6], "z z");
	assert_null(list[7]);
	assert_int_equal(gr_words_program(list, count), 1);
	gr_argv_free(list);
	assert_int_equal(gr_words_split("a\0b\0", 4, &list, &count), 0);
	assert_int_equal(count, 2);
	gr_argv_free(list);
	assert_int_equal(gr_words_split("", 0, &list, &count), 0);
	assert_int_equal(count, 0);
	gr_argv_free(list);
}

static struct gr_log read_log(const char *text, size_t len)
{
	struct gr_log log;

	assert_int_equal(gr_log_read(text, len, &log), 0);
	return log;
}

static void last_start(void **state)
{
	static const char text[] =
		"2024-03-01 10:00:00.000+0000: starting up libvirt version: 9.0.0\n"
		"LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name old\n"
		"qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory\n"
		"2024-03-02 10:00:00.000+0000: starting up libvirt version: 9.0.0\n"
		"LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name new\n"
		"2024-03-02T10:00:01.0Z qemu-system-x86_64: " E01 "\r\n"
		"error: internal error: qemu unexpectedly closed the monitor: qemu: " E01 "\n";
	struct gr_log log = read_log(text, strlen(text));

	assert_true(log.started);
	assert_int_equal(log.hit_count, 1);
	assert_string_equal(log.hits[0].message->row, "E01");
	assert_non_null(strstr(log.hits[0].line, "unexpectedly closed"));
	assert_non_null(strstr(log.command, "-name new"));
	assert_null(strstr(log.command, "old"));
	gr_log_done(&log);
}

static void harmless(void **state)
{
	static const char *const lines[] = {
		"Failed to create /x for shader cache (Permission denied)---disabling.",
		"audit: apparmor=\"DENIED\" operation=\"open\" name=\"/home/x/disk\" error=-13",
		"qemu: warning: Machine type 'pc-i440fx-2.0' is deprecated: use a newer one",
		"qemu: warning: host doesn't support requested feature: CPUID.80000001H",
		"2024 libvirtd[7]: error: the moon is missing",
	};
	static const char denied[] = "apparmor=\"DENIED\" operation=\"open\" name=\"/mnt/huge/x\"";
	struct gr_log log;

	for (size_t i = 0; i < GR_ARRAY_SIZE(lines); i++) {
		log = read_log(lines[i], strlen(lines[i]));
		assert_int_equal(log.hit_count, 0);
		assert_int_equal(log.other_count, 1);
		assert_int_equal(log.others[0].known, i < 4);
		gr_log_done(&log);
	}
	/* The same words about guest memory are serious. */
	log = read_log(denied, strlen(denied));
	assert_int_equal(log.hit_count, 1);
	assert_string_equal(log.hits[0].message->row, "E10");
	gr_log_done(&log);
	log = read_log("all is well\n", 12);
	assert_int_equal(log.hit_count + log.other_count, 0);
	gr_log_done(&log);
}

/* Megabytes, other encodings, NULs, escapes for a terminal. */
static void hostile(void **state)
{
	size_t len = 3 << 20;
	char *text = malloc(len);
	struct gr_log log;

	for (size_t i = 0; i < len; i++)
		text[i] = i % 64 == 63 ? '\n' : 'x';
	memcpy(text, E01 "\n", sizeof(E01));
	memcpy(text + len - 30, "\n\033[31mSIGBUS \377\376\0 error", 23);
	log = read_log(text, len);
	assert_true(log.cut);
	assert_int_equal(log.hit_count, 1);
	assert_string_equal(log.hits[0].message->row, "E17");
	for (const char *c = log.hits[0].line; *c; c++)
		assert_true(*c >= 0x20 && *c < 0x7f);
	gr_log_done(&log);
	free(text);
}

static void never_more_than_fits(void **state)
{
	char *text = malloc(200 * 40 + 1), *at = text;
	struct gr_log log;

	for (int i = 0; i < 200; i++)
		at += sprintf(at, "error: something unknown %d\n", i);
	log = read_log(text, (size_t)(at - text));
	assert_int_equal(log.other_count, GR_LOG_LINES_MAX);
	assert_non_null(strstr(log.others[GR_LOG_LINES_MAX - 1].line, "199"));
	gr_log_done(&log);
	free(text);
}

static void qemu_conf(void **state)
{
	struct gr_qemu_conf conf = { 0 };

	assert_int_equal(gr_qemu_conf_parse("#user = \"x\"\nuser = \"root\"\ngroup='kvm'\n"
					    "hugetlbfs_mount = [ \"/a\", # one\n '/b',\n]\n",
					    &conf),
			 0);
	assert_string_equal(conf.user, "root");
	assert_string_equal(conf.group, "kvm");
	assert_true(conf.has_mounts);
	assert_int_equal(conf.mount_count, 2);
	assert_string_equal(conf.mounts[1], "/b");
	gr_qemu_conf_done(&conf);
	assert_int_equal(gr_qemu_conf_parse("hugetlbfs_mount = \"\"\n", &conf), 0);
	assert_true(conf.has_mounts && !conf.mount_count);
	gr_qemu_conf_done(&conf);
	assert_int_equal(gr_qemu_conf_parse("", &conf), 0);
	assert_false(conf.has_mounts);
	assert_int_equal(gr_qemu_conf_parse("user = root\n", &conf), -EBADMSG);
	assert_int_equal(gr_qemu_conf_parse("hugetlbfs_mount = [ \"/a\"\n", &conf), -EBADMSG);
	assert_int_equal(gr_qemu_conf_parse("user = \"ro\not\"\n", &conf), -EBADMSG);
}

static void limits(void **state)
{
	static const char text[] = "Limit    Soft Limit\nMax locked memory   8388608   x   bytes\n"
				   "Max address space   unlimited unlimited bytes\n";
	struct gr_figure figure = { 0 };

	gr_limits_parse(text, "Max locked memory", &figure);
	assert_true(figure.known && figure.value == 8388608);
	gr_limits_parse(text, "Max address space", &figure);
	assert_true(figure.known && figure.value == UINT64_MAX);
	figure = (struct gr_figure){ 0 };
	gr_limits_parse(text, "Max stack size", &figure);
	assert_false(figure.known);
	gr_counter_parse("compact_failx 3\ncompact_fail 12\n", "compact_fail", &figure);
	assert_true(figure.known && figure.value == 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),   cmocka_unit_test(words),
		cmocka_unit_test(last_start), cmocka_unit_test(harmless),
		cmocka_unit_test(hostile),    cmocka_unit_test(never_more_than_fits),
		cmocka_unit_test(qemu_conf),  cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
