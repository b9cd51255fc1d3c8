// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What every parser of the host layer needs: words, sizes in kB, and the three kinds of failure.
 * All of them work in place on text that somebody else has read, and believe nothing in it.
 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

char *gr_next_word(char **cursor)
{
	char *word = *cursor + strspn(*cursor, " \t");
	size_t len = strcspn(word, " \t");

	*cursor = word + len;
	if (!len)
		return NULL;
	if (**cursor)
		*(*cursor)++ = '\0';
	return word;
}

char *gr_text_trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	return text;
}

enum gr_answer gr_answer_of(int r)
{
	switch (r) {
	case -ENOENT:
	case -ENOTDIR:
	case -ENODEV:
	case -ENXIO:
		return GR_ANSWER_ABSENT;
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return GR_ANSWER_FORBIDDEN;
	default:
		return r < 0 ? GR_ANSWER_MALFORMED : GR_ANSWER_OK;
	}
}

int gr_kilobytes_parse(const char *text, uint64_t *ret_bytes)
{
	size_t digits = strspn(text, "0123456789");
	char number[24];
	uint64_t kb;

	if (!digits || digits >= sizeof(number) || strncmp(text + digits, "kB", 2) != 0 ||
	    text[digits + 2 + strspn(text + digits + 2, "\n")])
		return -EBADMSG;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (gr_parse_u64(number, &kb) < 0 || __builtin_mul_overflow(kb, 1024, &kb))
		return -EBADMSG;
	*ret_bytes = kb;
	return 0;
}
