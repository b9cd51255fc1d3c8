// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Attributes in the text of an element that is known to be well-formed: one is changed, the others
 * keep their quotes, their order and the spaces between them.
 */
#include <string.h>

#include "base/util.h"
#include "libvirt/xml_edit.h"

int gr_xml_attr(const char *text, const char *name, const char *value, char **ret,
		struct gr_error *err)
{
	const char *at = text + 1 + strcspn(text + 1, " \t\r\n/>"), *from = NULL, *end,
		   *tail = NULL;
	size_t name_len = strlen(name);
	int r;

	/* The tag is well-formed: name, spaces, '=', a quote, no '<' and not that quote inside. */
	for (;;) {
		const char *blank = at, *word = at + strspn(at, " \t\r\n");
		size_t len = strcspn(word, " \t\r\n=/>");
		char quote;

		if (*word == '/' || *word == '>' || !len)
			break;
		at = word + len;
		at += strcspn(at, "'\"");
		quote = *at;
		end = quote ? strchr(at + 1, quote) : NULL;
		if (!end)
			break;
		at = end + 1;
		if (len == name_len && !strncmp(word, name, len)) {
			from = blank;
			tail = at;
		}
	}
	if (!from)
		from = tail = at;
	if (value)
		r = gr_asprintf(ret, "%.*s %s='%s'%s", (int)(from - text), text, name, value, tail);
	else
		r = gr_asprintf(ret, "%.*s%s", (int)(from - text), text, tail);
	return r < 0 ? gr_error_nomem(err) : 0;
}

char *gr_xml_escape(const char *text)
{
	static const struct {
		char byte;
		const char *as;
	} names[] = { { '&', "&amp;" },	  { '<', "&lt;" },   { '>', "&gt;" },  { '"', "&quot;" },
		      { '\'', "&apos;" }, { '\n', "&#10;" }, { '\t', "&#9;" }, { '\r', "&#13;" } };
	char *out = malloc(6 * strlen(text) + 1), *to = out;

	for (; out && *text; text++) {
		const char *as = NULL;

		for (size_t i = 0; i < GR_ARRAY_SIZE(names); i++)
			if (names[i].byte == *text)
				as = names[i].as;
		if (as)
			to = stpcpy(to, as);
		else
			*to++ = *text;
	}
	if (out)
		*to = '\0';
	return out;
}
