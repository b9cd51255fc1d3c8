// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Our element in <metadata>: the policy as attributes, and below it one <undo> for each change, in
 * the order in which they were made. Keys that somebody wrote by hand stay.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "libvirt/edit_private.h"

#define FRESH "<guestram:domain xmlns:guestram='" GR_DOMAIN_NAMESPACE "'/>"

static int set_attr(char **element, const char *name, const char *value, struct gr_error *err)
{
	char *out;
	int r = gr_xml_attr(*element, name, value, &out, err);

	if (r < 0)
		return r;
	free(*element);
	*element = out;
	return 0;
}

/* One page size for all of the guest can be said as a policy; several only as <page> elements. */
static int set_keys(char **element, const struct gr_enable *how, struct gr_error *err)
{
	char size[GR_TEXT_MAX];
	int r = set_attr(element, "backing", gr_policy_backing_name(how->backing), err);

	if (r >= 0 && how->page_count == 1 && !how->pages[0].cells)
		r = set_attr(element, "page-size", gr_size_arg(how->pages[0].size_bytes, size),
			     err);
	if (r >= 0 && how->nodes)
		r = set_attr(element, "nodes", how->nodes, err);
	if (r >= 0 && how->has_fallback)
		r = set_attr(element, "fallback", gr_policy_fallback_name(how->fallback), err);
	if (r >= 0 && how->shared)
		r = set_attr(element, "shared", "yes", err);
	return r;
}

static int print_attr(FILE *out, const char *name, const char *value)
{
	_cleanup_free_ char *escaped = value ? gr_xml_escape(value) : NULL;

	if (escaped)
		fprintf(out, " %s='%s'", name, escaped);
	return !value || escaped ? 0 : -ENOMEM;
}

static int print_notes(FILE *out, const struct gr_xml *xml, const char *prefix, int prefix_len)
{
	int r = 0;

	for (size_t i = 0; i < xml->undo_count && r == 0; i++) {
		const struct gr_undo *undo = &xml->undo[i];

		fprintf(out, "\n  <%.*sundo", prefix_len, prefix);
		r = print_attr(out, "path", undo->path);
		if (r == 0)
			r = print_attr(out, "was", undo->was);
		if (r == 0 && strcmp(undo->path, GR_EDIT_OURS) != 0)
			r = print_attr(out, "set", undo->set);
		if (undo->place >= 0)
			fprintf(out, " place='%d'", undo->place);
		if (undo->gap)
			fprintf(out, " gap='%zu'", undo->gap);
		fprintf(out, "/>");
	}
	return r;
}

/* @element with the notes inside, behind what it has already. */
static int add_notes(const struct gr_xml *xml, const char *element, char **ret,
		     struct gr_error *err)
{
	size_t name_len = strcspn(element + 1, " \t\r\n/>"), len = strlen(element), size;
	const char *colon = memchr(element + 1, ':', name_len), *close = NULL;
	int prefix_len = colon ? (int)(colon - element) : 0, r;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return gr_error_nomem(err);
	if (!strcmp(element + len - 2, "/>")) {
		fprintf(out, "%.*s>", (int)len - 2, element);
	} else {
		for (const char *at = element; (at = strstr(at, "</")); at++)
			close = at;
		len = (size_t)(close - element);
		while (len && strchr(" \t\r\n", element[len - 1]))
			len--;
		fprintf(out, "%.*s", (int)len, element);
	}
	r = print_notes(out, xml, element + 1, prefix_len);
	fprintf(out, "\n</%.*s>", (int)name_len, element + 1);
	if (fclose(out) != 0 || r < 0) {
		free(text);
		return gr_error_nomem(err);
	}
	*ret = text;
	return 0;
}

int gr_edit_policy(struct gr_editing *editing, const struct gr_enable *how, struct gr_error *err)
{
	_cleanup_free_ char *element = NULL, *whole = NULL;
	struct gr_xml *xml = &editing->xml;
	bool had;
	int r = gr_xml_copy(xml, GR_EDIT_OURS, &element, err);

	had = r > 0;
	if (r == 0)
		element = strdup(FRESH);
	if (r < 0 || !element)
		return gr_error_nomem(err);
	r = set_keys(&element, how, err);
	/* Set once without notes, so that making it has its own notes; then with all of them. */
	if (r >= 0)
		r = gr_xml_set(xml, GR_EDIT_OURS, element, err);
	if (r == 0) /* it says so already: how it is laid out is to come back all the same */
		r = gr_xml_note(xml, GR_EDIT_OURS, err);
	if (r >= 0)
		r = add_notes(xml, element, &whole, err);
	if (r >= 0)
		r = gr_xml_set(xml, GR_EDIT_OURS, whole, err);
	return r < 0 ? r :
		       gr_edit_note(editing, had ? GR_CHANGE_SET : GR_CHANGE_ADD, "metadata", err,
				    "the policy for the hook, and how to undo all this");
}
