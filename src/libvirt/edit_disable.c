// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The notes in our element, read and followed backwards: <undo path='...' was='...' set='...'/>.
 * Each is followed only while its element says what we made it say.
 */
#include <expat.h>
#include <string.h>

#include "base/util.h"
#include "libvirt/edit_private.h"

struct notes {
	XML_Parser parser;
	struct gr_undo *undo;
	size_t count;
	int result;
};

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attrs)
{
	struct notes *notes = data;
	struct gr_undo undo = { .place = -1 };
	const char *colon = strrchr(name, ':');
	bool lost = false;

	if (strcmp(colon ? colon + 1 : name, "undo") != 0)
		return;
	for (; *attrs; attrs += 2) {
		char **to = !strcmp(attrs[0], "path") ? &undo.path :
			    !strcmp(attrs[0], "was")  ? &undo.was :
			    !strcmp(attrs[0], "set")  ? &undo.set :
							NULL;

		if (to) {
			*to = strdup(attrs[1]);
			lost |= !*to;
		} else if (!strcmp(attrs[0], "place")) {
			undo.place = atoi(attrs[1]);
		} else if (!strcmp(attrs[0], "gap")) {
			undo.gap = strtoul(attrs[1], NULL, 10);
		}
	}
	if (undo.path && !lost && gr_grow(&notes->undo, notes->count, sizeof(undo)) >= 0) {
		notes->undo[notes->count++] = undo;
		return;
	}
	free(undo.path);
	free(undo.was);
	free(undo.set);
	notes->result = -ENOMEM;
}

static void notes_done(struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++) {
		free(notes->undo[i].path);
		free(notes->undo[i].was);
		free(notes->undo[i].set);
	}
	free(notes->undo);
}

static int read_notes(const char *text, struct notes *notes, struct gr_error *err)
{
	notes->parser = XML_ParserCreate(NULL);
	if (!notes->parser)
		return gr_error_nomem(err);
	XML_SetUserData(notes->parser, notes);
	XML_SetStartElementHandler(notes->parser, on_start);
	XML_Parse(notes->parser, text, (int)strlen(text), XML_TRUE);
	XML_ParserFree(notes->parser);
	return notes->result < 0 ? gr_error_nomem(err) : 0;
}

/* A path from the document is used only if it is one that we write. */
static bool is_ours(const char *path)
{
	static const char *const roots[] = { "memoryBacking",	   "memtune",
					     "numatune",	   "metadata",
					     "devices/memballoon", "cpu/numa/cell" };

	for (size_t i = 0; i < GR_ARRAY_SIZE(roots); i++)
		if (!strncmp(path, roots[i], strlen(roots[i])))
			return true;
	return false;
}

static int follow(struct gr_editing *editing, const struct gr_undo *undo, struct gr_error *err)
{
	int r;

	if (!is_ours(undo->path))
		return gr_edit_note(editing, GR_CHANGE_LEFT, undo->path, err,
				    "no element that is ever changed here");
	r = gr_xml_undo(&editing->xml, undo, err);
	if (r == 0 && strncmp(undo->path, "metadata", 8) != 0 && strchr(undo->path, '/'))
		return gr_edit_note(editing, GR_CHANGE_LEFT, undo->path, err,
				    "changed since by somebody else: left as it is now");
	if (r == 0 || !strchr(undo->path, '/')) /* parents that others use, too */
		return r < 0 ? r : 0;
	if (r < 0)
		return r;
	return gr_edit_note(editing,
			    !undo->was ? GR_CHANGE_REMOVE :
			    undo->set  ? GR_CHANGE_SET :
					 GR_CHANGE_ADD,
			    undo->path, err, "%s",
			    undo->was ? "as it was before" : "was not there before");
}

int gr_edit_undo_ours(struct gr_editing *editing, struct gr_error *err)
{
	_cleanup_free_ char *ours = NULL;
	struct notes notes = { 0 };
	const struct gr_undo *self = NULL;
	int r = gr_xml_copy(&editing->xml, GR_EDIT_OURS, &ours, err);

	if (r > 0)
		r = read_notes(ours, &notes, err);
	/* Our element goes first, or becomes what was there before: the parent can be empty then.
	 */
	for (size_t i = 0; i < notes.count; i++)
		if (!strcmp(notes.undo[i].path, GR_EDIT_OURS))
			self = &notes.undo[i];
	if (r >= 0 && self)
		r = gr_xml_set(&editing->xml, GR_EDIT_OURS, self->was, err);
	if (r > 0 && self)
		r = gr_edit_note(editing, self->was ? GR_CHANGE_SET : GR_CHANGE_REMOVE, "metadata",
				 err, "the policy");
	for (size_t i = notes.count; i-- > 0 && r >= 0;)
		if (&notes.undo[i] != self)
			r = follow(editing, &notes.undo[i], err);
	/* What was undone here is no change of its own that would have to be undone. */
	gr_xml_forget(&editing->xml);
	if (r >= 0)
		r = (int)notes.count;
	notes_done(&notes);
	return r;
}

int gr_edit_disable(const char *text, size_t len, struct gr_edit *ret, struct gr_error *err)
{
	_cleanup_editing_ struct gr_editing editing = { 0 };
	int r = gr_xml_open(text, len, &editing.xml, err);

	if (r >= 0)
		r = gr_edit_undo_ours(&editing, err);
	if (r == 0 && gr_xml_find(&editing.xml, GR_EDIT_OURS) >= 0)
		r = gr_edit_note(
			&editing, GR_CHANGE_LEFT, "metadata", err,
			"a policy that `guestram libvirt enable` did not write: still obeyed");
	if (r < 0)
		return r;
	return gr_edit_take(&editing, text, len, ret, err);
}
