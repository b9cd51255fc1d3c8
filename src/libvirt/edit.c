// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The notes that go with every change: what was done to which element, and why, for people.
 */
#include <stdarg.h>
#include <string.h>

#include "base/util.h"
#include "libvirt/edit_private.h"

static const char *const kind_names[] = {
	[GR_CHANGE_ADD] = "add",   [GR_CHANGE_SET] = "change",	 [GR_CHANGE_REMOVE] = "remove",
	[GR_CHANGE_LEFT] = "left", [GR_CHANGE_WARN] = "warning",
};
_Static_assert(GR_ARRAY_SIZE(kind_names) == GR_CHANGE_COUNT, "a name for each kind");

const char *gr_change_name(enum gr_change_kind kind)
{
	return kind_names[kind];
}

static void changes_done(struct gr_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(changes[i].path);
		free(changes[i].words);
	}
	free(changes);
}

void gr_edit_done(struct gr_edit *edit)
{
	changes_done(edit->changes, edit->change_count);
	free(edit->text);
	*edit = (struct gr_edit){ 0 };
}

void gr_editing_done(struct gr_editing *editing)
{
	changes_done(editing->changes, editing->change_count);
	gr_xml_done(&editing->xml);
	*editing = (struct gr_editing){ 0 };
}

int gr_edit_take(struct gr_editing *editing, const char *old, size_t old_len, struct gr_edit *ret,
		 struct gr_error *err)
{
	_cleanup_free_ char *was = NULL, *is = NULL;
	struct gr_xml *xml = &editing->xml;
	int r = gr_xml_spans_canonical(old, old_len, &was, err);

	if (r >= 0)
		r = gr_xml_spans_canonical(xml->text, xml->len, &is, err);
	if (r < 0)
		return r;
	if (!strcmp(was, is)) {
		gr_edit_keep(editing, GR_CHANGE_LEFT);
		gr_xml_done(xml);
		r = gr_xml_open(old, old_len, xml, err);
		if (r < 0)
			return r;
	}
	ret->text = gr_steal_ptr(xml->text);
	ret->len = xml->len;
	ret->changes = gr_steal_ptr(editing->changes);
	ret->change_count = editing->change_count;
	editing->change_count = 0;
	return 0;
}

int gr_edit_note(struct gr_editing *editing, enum gr_change_kind kind, const char *path,
		 struct gr_error *err, const char *fmt, ...)
{
	struct gr_change change = { .kind = kind, .path = strdup(path) };
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&change.words, fmt, ap);
	va_end(ap);
	if (n < 0)
		change.words = NULL;
	if (!change.path || !change.words ||
	    gr_grow(&editing->changes, editing->change_count, sizeof(change)) < 0) {
		free(change.path);
		free(change.words);
		return gr_error_nomem(err);
	}
	editing->changes[editing->change_count++] = change;
	return 0;
}

void gr_edit_keep(struct gr_editing *editing, enum gr_change_kind kind)
{
	size_t kept = 0;

	for (size_t i = 0; i < editing->change_count; i++) {
		if (editing->changes[i].kind == kind) {
			editing->changes[kept++] = editing->changes[i];
			continue;
		}
		free(editing->changes[i].path);
		free(editing->changes[i].words);
	}
	editing->change_count = kept;
}

int gr_edit_put(struct gr_editing *editing, const char *path, const char *set, const char *words,
		struct gr_error *err)
{
	bool was = gr_xml_find(&editing->xml, path) >= 0;
	int r = gr_xml_set(&editing->xml, path, set, err);

	if (r <= 0)
		return r;
	return gr_edit_note(editing,
			    !set ? GR_CHANGE_REMOVE :
			    was	 ? GR_CHANGE_SET :
				   GR_CHANGE_ADD,
			    path, err, "%s", words);
}

int gr_edit_put_attr(struct gr_editing *editing, const char *path, const char *attr,
		     const char *value, const char *words, struct gr_error *err)
{
	_cleanup_free_ char *was = NULL, *set = NULL;
	int r = gr_xml_copy(&editing->xml, path, &was, err);

	if (r > 0)
		r = gr_xml_attr(was, attr, value, &set, err);
	if (r < 0 || !set)
		return r;
	r = gr_xml_set(&editing->xml, path, set, err);
	return r <= 0 ? r : gr_edit_note(editing, GR_CHANGE_SET, path, err, "%s", words);
}
