// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Paths, changes by path and undoing them. What an element was is compared by what it says, since
 * libvirt writes every document anew in its own quotes and spaces.
 */
#include <string.h>

#include "base/util.h"
#include "guest/domain_xml.h"
#include "libvirt/xml_edit_private.h"

int gr_xml_open(const char *text, size_t len, struct gr_xml *ret, struct gr_error *err)
{
	struct gr_xml xml = { .len = len };
	int r = gr_xml_spans_read(text, len, &xml.spans, err);

	if (r < 0)
		return r;
	xml.text = malloc(len + 1);
	if (!xml.text) {
		gr_xml_done(&xml);
		return gr_error_nomem(err);
	}
	memcpy(xml.text, text, len);
	xml.text[len] = '\0';
	*ret = xml;
	return 0;
}

static void undo_done(struct gr_undo *undo)
{
	free(undo->path);
	free(undo->was);
	free(undo->set);
}

void gr_xml_forget(struct gr_xml *xml)
{
	for (size_t i = 0; i < xml->undo_count; i++)
		undo_done(&xml->undo[i]);
	free(xml->undo);
	xml->undo = NULL;
	xml->undo_count = 0;
}

void gr_xml_done(struct gr_xml *xml)
{
	gr_xml_forget(xml);
	free(xml->text);
	gr_xml_spans_done(&xml->spans);
	*xml = (struct gr_xml){ 0 };
}

/* The child of @parent that one step of a path names; "@ours" is any element of our name space. */
static int step(const struct gr_xml_spans *spans, int parent, const char *name, size_t len)
{
	char key[64];
	size_t nth = 0, bracket = strcspn(name, "[");

	if (bracket < len)
		nth = strtoul(name + bracket + 1, NULL, 10);
	else
		bracket = len;
	if (bracket >= sizeof(key))
		return -1;
	memcpy(key, name, bracket);
	key[bracket] = '\0';
	if (strcmp(key, "@ours") != 0)
		return gr_xml_spans_child(spans, parent, key, nth);
	for (int i; (i = gr_xml_spans_child(spans, parent, NULL, nth)) >= 0; nth++) {
		if (!strncmp(spans->spans[i].name, GR_DOMAIN_NAMESPACE "\n",
			     sizeof(GR_DOMAIN_NAMESPACE)))
			return i;
	}
	return -1;
}

int gr_xml_find(const struct gr_xml *xml, const char *path)
{
	int at = 0;

	while (*path && at >= 0) {
		size_t len = strcspn(path, "/");

		at = step(&xml->spans, at, path, len);
		path += len + (path[len] == '/');
	}
	return at;
}

int gr_xml_copy(const struct gr_xml *xml, const char *path, char **ret, struct gr_error *err)
{
	int at = gr_xml_find(xml, path);
	char *copy;

	if (at < 0)
		return 0;
	copy = strndup(xml->text + xml->spans.spans[at].start,
		       xml->spans.spans[at].end - xml->spans.spans[at].start);
	if (!copy)
		return gr_error_nomem(err);
	*ret = copy;
	return 1;
}

static int add_undo(struct gr_xml *xml, const char *path, const char *was, const char *set,
		    int place, struct gr_error *err)
{
	struct gr_undo undo = { .path = strdup(path), .place = place };

	undo.was = was ? strdup(was) : NULL;
	undo.set = set ? strdup(set) : NULL;
	if (!undo.path || (was && !undo.was) || (set && !undo.set) ||
	    gr_grow(&xml->undo, xml->undo_count, sizeof(undo)) < 0) {
		undo_done(&undo);
		return gr_error_nomem(err);
	}
	xml->undo[xml->undo_count++] = undo;
	return 0;
}

/* Which child of its parent it is, all names counted. */
static int place_of(const struct gr_xml_spans *spans, int at)
{
	int place = 0;

	for (int i = spans->spans[at].parent + 1; i < at; i++)
		place += spans->spans[i].parent == spans->spans[at].parent;
	return place;
}

/* With the spaces before it, so that it can come back as it stood. */
static int note_removal(struct gr_xml *xml, const char *path, int at, struct gr_error *err)
{
	const struct gr_xml_span *span = &xml->spans.spans[at];
	size_t start = gr_xml_before_spaces(xml, span->start);
	_cleanup_free_ char *was = strndup(xml->text + start, span->end - start);
	int place = place_of(&xml->spans, at), r;

	if (!was)
		return gr_error_nomem(err);
	r = add_undo(xml, path, was, NULL, place, err);
	if (r >= 0)
		xml->undo[xml->undo_count - 1].gap =
			start - gr_xml_place_end(xml, span->parent, place);
	return r;
}

static bool same(const char *a, const char *b)
{
	_cleanup_free_ char *left = NULL, *right = NULL;

	if (!a || !b)
		return a == b;
	return !strcmp(a, b) ||
	       (gr_xml_spans_canonical(a, strlen(a), &left, NULL) >= 0 &&
		gr_xml_spans_canonical(b, strlen(b), &right, NULL) >= 0 && !strcmp(left, right));
}

static void split(const char *path, char *parent, size_t size, const char **name)
{
	const char *slash = strrchr(path, '/');

	snprintf(parent, size, "%.*s", slash ? (int)(slash - path) : 0, path);
	*name = slash ? slash + 1 : path;
}

/* Parents are made, or noted as they are while they are empty, so that undoing can put back exactly
 * what there was. */
static int make_parent(struct gr_xml *xml, const char *parent, struct gr_error *err)
{
	char up[256], shape[300];
	_cleanup_free_ char *was = NULL;
	const char *name;
	int at = gr_xml_find(xml, parent), r;

	if (at == 0 || (at > 0 && gr_xml_spans_child(&xml->spans, at, NULL, 0) >= 0))
		return at;
	split(parent, up, sizeof(up), &name);
	snprintf(shape, sizeof(shape), "<%s/>", name);
	if (at < 0) {
		r = make_parent(xml, up, err);
		if (r >= 0)
			r = add_undo(xml, parent, NULL, shape, -1, err);
		if (r >= 0)
			r = gr_xml_insert(xml, gr_xml_find(xml, up), up, name, shape, err);
	} else {
		r = gr_xml_copy(xml, parent, &was, err);
		if (r >= 0)
			r = add_undo(xml, parent, was, was, -1, err);
	}
	return r < 0 ? r : gr_xml_find(xml, parent);
}

int gr_xml_set(struct gr_xml *xml, const char *path, const char *set, struct gr_error *err)
{
	_cleanup_free_ char *was = NULL;
	char parent[256];
	const char *name;
	int at = gr_xml_find(xml, path), r = gr_xml_copy(xml, path, &was, err), up;

	if (r < 0)
		return r;
	if (same(was, set))
		return 0;
	split(path, parent, sizeof(parent), &name);
	if (at < 0) {
		up = make_parent(xml, parent, err);
		r = up < 0 ? up : gr_xml_insert(xml, up, parent, name, set, err);
	} else if (!set) {
		r = note_removal(xml, path, at, err);
		if (r >= 0)
			r = gr_xml_drop(xml, at, err);
		return r < 0 ? r : 1;
	} else {
		r = gr_xml_replace(xml, at, set, false, err);
	}
	if (r >= 0)
		r = add_undo(xml, path, was, set, -1, err);
	return r < 0 ? r : 1;
}

int gr_xml_note(struct gr_xml *xml, const char *path, struct gr_error *err)
{
	_cleanup_free_ char *was = NULL;
	int r = gr_xml_copy(xml, path, &was, err);

	return r <= 0 ? r : add_undo(xml, path, was, was, -1, err);
}

int gr_xml_undo(struct gr_xml *xml, const struct gr_undo *undo, struct gr_error *err)
{
	_cleanup_free_ char *now = NULL;
	char parent[256];
	const char *name;
	int at = gr_xml_find(xml, undo->path), r = gr_xml_copy(xml, undo->path, &now, err), up;

	if (r < 0)
		return r;
	/* Even where both say the same: it may have been laid out otherwise. */
	if (!same(now, undo->set) || (at < 0 && !undo->was))
		return same(now, undo->was);
	split(undo->path, parent, sizeof(parent), &name);
	if (at >= 0 && !undo->was) {
		r = gr_xml_drop(xml, at, err);
	} else if (at >= 0) {
		r = gr_xml_replace(xml, at, undo->was, true, err);
	} else {
		up = gr_xml_find(xml, parent);
		if (up < 0) /* its parent went meanwhile, and it with that */
			return 0;
		r = gr_xml_put_back(xml, up, undo, err);
	}
	return r < 0 ? r : 1;
}
