// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A table of what such scripts do. A line may do several things; comments do nothing.
 */
#include "libvirt/old_hook.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/util.h"

enum shape { ANY, WRITES, WRITES_ZERO, IN_LOOP, COMMAND };

static const struct {
	const char *code, *word;
	enum shape shape;
	const char *problem, *instead;
} rows[] = {
	{ "zero-count", "nr_hugepages", WRITES_ZERO,
	  "writes 0: the pages of every other VM and owner go with those of this one",
	  "gives back exactly the pages that this domain took" },
	{ "absolute-count", "nr_hugepages", WRITES,
	  "writes a count as if nobody else had pages: with a second VM the first one's are "
	  "counted "
	  "again or lost; and less may be granted than was asked",
	  "adds exactly what is missing, on the right node, and reads back what was granted" },
	{ "absolute-count", "hugeadm", COMMAND,
	  "sets the size of the whole pool, whoever else has pages in it",
	  "adds and gives back exact differences" },
	{ "compaction-loop", "compact_memory", IN_LOOP,
	  "compacts all of memory again and again, for seconds to minutes, while libvirt waits for "
	  "the hook",
	  "climbs from cheap to dear within 10 s, on the nodes concerned, and stops when it has "
	  "enough" },
	{ "compaction", "compact_memory", WRITES, "compacts the memory of all nodes, needed or not",
	  "compacts a node only if pages are still missing after cheaper steps" },
	{ "drop-caches", "drop_caches", WRITES,
	  "throws the page cache of the whole host away: everything is slow afterwards",
	  "takes as much page cache as is missing; all of it only where that is allowed" },
	{ "calls-libvirt", "virsh", COMMAND,
	  "calls libvirt from inside its hook: that can hang the daemon",
	  "reads the domain from standard input" },
	{ "reads-config", "/etc/libvirt/qemu/", ANY,
	  "reads the stored XML, which need not be what is being started",
	  "reads the domain from standard input" },
};

/* "echo 0 > X", "sysctl vm.X=0", "sysctl -w vm.X = 0" */
static bool is_zero(const char *line, const char *word)
{
	const char *echo = strstr(line, "echo"), *equals = strchr(word, '=');

	if (equals && equals > word) {
		equals += 1 + strspn(equals + 1, " \"'");
		return *equals == '0' && !isdigit((unsigned char)equals[1]);
	}
	if (!echo || echo > word)
		return false;
	echo += 4;
	echo += strspn(echo, " -n\"'");
	return *echo == '0' && !isalnum((unsigned char)echo[1]);
}

static bool is_command(const char *line, const char *word, size_t len)
{
	char after = word[len];

	return (word == line || strchr(" \t(`;&|/", word[-1])) &&
	       (!after || isspace((unsigned char)after));
}

static bool fits(const char *line, size_t row, int loops)
{
	const char *word = strstr(line, rows[row].word);
	bool writes;

	if (!word)
		return false;
	/* ">" before the name, tee, or sysctl's "=" behind it; NAME=VALUE of a variable is none. */
	writes = (memchr(line, '>', (size_t)(word - line)) &&
		  !strchr(word + strcspn(word, " \"'"), '>')) ||
		 strstr(line, "tee ") || (strstr(line, "sysctl") && strchr(word, '='));
	switch (rows[row].shape) {
	case ANY:
		return true;
	case WRITES:
		return writes && (rows[row].code[0] != 'c' || !loops) && !is_zero(line, word);
	case WRITES_ZERO:
		return writes && is_zero(line, word);
	case IN_LOOP:
		return writes && loops > 0;
	case COMMAND:
		return is_command(line, word, strlen(rows[row].word));
	}
	return false;
}

/* Deeper or less deep in loops after this line? */
static int loop_step(const char *line)
{
	static const char *const openers[] = { "for ", "while ", "until ", "for((", "while((" };

	for (size_t i = 0; i < GR_ARRAY_SIZE(openers); i++)
		if (!strncmp(line, openers[i], strlen(openers[i])))
			return strstr(line, "done") ? 0 : 1;
	return !strncmp(line, "done", 4) && !isalnum((unsigned char)line[4]) ? -1 : 0;
}

static int add(struct gr_old_findings *findings, size_t row, unsigned long number, const char *line)
{
	struct gr_old_finding finding = { rows[row].code, number, strdup(line), rows[row].problem,
					  rows[row].instead };

	if (!finding.text || gr_grow(&findings->items, findings->count, sizeof(finding)) < 0) {
		free(finding.text);
		return -ENOMEM;
	}
	findings->items[findings->count++] = finding;
	return 0;
}

int gr_old_hook_scan(const char *text, struct gr_old_findings *findings)
{
	_cleanup_free_ char *copy = strdup(text);
	char *cursor = copy, *line;
	unsigned long number = 0;
	int loops = 0, r = 0;

	if (!copy)
		return -ENOMEM;
	while ((line = gr_next_line(&cursor)) && r == 0) {
		size_t len;

		number++;
		line += strspn(line, " \t");
		for (len = strlen(line); len && isspace((unsigned char)line[len - 1]); len--)
			line[len - 1] = '\0';
		if (*line == '#')
			continue;
		if (loop_step(line) > 0)
			loops++;
		for (size_t row = 0; row < GR_ARRAY_SIZE(rows) && r == 0; row++)
			if (fits(line, row, loops))
				r = add(findings, row, number, line);
		if (loop_step(line) < 0 && loops > 0)
			loops--;
	}
	return r;
}

void gr_old_findings_done(struct gr_old_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		free(findings->items[i].text);
	free(findings->items);
	*findings = (struct gr_old_findings){ 0 };
}
