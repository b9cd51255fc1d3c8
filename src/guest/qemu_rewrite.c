// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The user's command line with other memory. Words are copied one by one; only those that describe
 * an object or a cell with a need are written anew. What has to be added stands right behind the
 * program, where no option can take it for its argument; an own "-machine memory-backend=" merges
 * with the user's -machine, whose text is not touched.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "guest/qemu_private.h"

struct rewrite {
	const struct gr_qemu *qemu;
	char **argv;
	size_t argc;
};

/* Takes over @word; NULL is "no memory". The array is large enough. */
static int push(struct rewrite *rewrite, char *word)
{
	if (!word)
		return -ENOMEM;
	rewrite->argv[rewrite->argc++] = word;
	return 0;
}

static bool is_taken(const struct gr_qemu *qemu, const char *id)
{
	for (size_t i = 0; i < qemu->object_id_count; i++)
		if (strcmp(qemu->object_ids[i], id) == 0)
			return true;
	return false;
}

/* "guestram0" for need 0, or "guestram0-1", "guestram0-2" ... where the user has that already. */
static void new_id(const struct gr_qemu *qemu, size_t need, char *buf, size_t buf_size)
{
	snprintf(buf, buf_size, "guestram%zu", need);
	for (size_t i = 1; is_taken(qemu, buf); i++)
		snprintf(buf, buf_size, "guestram%zu-%zu", need, i);
}

static int check_backings(const struct gr_qemu *qemu, const struct gr_qemu_backing *backings,
			  size_t count, struct gr_error *err)
{
	int r = gr_notes_error(&qemu->notes, err);

	if (r < 0)
		return r;
	if (count != qemu->request.need_count)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "%zu pieces of RAM for %zu needs",
				    count, qemu->request.need_count);
	for (size_t i = 0; i < count; i++) {
		uint64_t need = qemu->request.needs[i].memory_bytes;

		if (backings[i].fd >= 0 && backings[i].size_bytes < need)
			return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
					    "RAM of %llu bytes for a need of %llu",
					    (unsigned long long)backings[i].size_bytes,
					    (unsigned long long)need);
	}
	return 0;
}

/* What stands in front of the user's own words. */
static int push_new_objects(struct rewrite *rewrite, const struct gr_qemu_backing *backings,
			    struct gr_error *err)
{
	const struct gr_qemu *qemu = rewrite->qemu;

	for (size_t i = 0; i < qemu->request.need_count; i++) {
		_cleanup_list_ struct gr_list nodes = { 0 };
		char id[64], *text;
		int r;

		if (qemu->sources[i].backend >= 0)
			continue;
		new_id(qemu, i, id, sizeof(id));
		r = gr_list_parse(backings[i].host_nodes ? backings[i].host_nodes : "", &nodes,
				  err);
		if (r == 0)
			r = gr_qemu_object_new(id, qemu->request.needs[i].memory_bytes,
					       &backings[i], &nodes, &text);
		if (r < 0)
			return r;
		if (push(rewrite, strdup("-object")) < 0) {
			free(text);
			return -ENOMEM;
		}
		push(rewrite, text);
		if (qemu->sources[i].cell >= 0)
			continue;
		if (gr_asprintf(&text, "memory-backend=%s", id) < 0)
			return -ENOMEM;
		if (push(rewrite, strdup("-machine")) < 0) {
			free(text);
			return -ENOMEM;
		}
		push(rewrite, text);
	}
	return 0;
}

/* "node,cpus=0-1,mem=1G" -> "node,cpus=0-1,memdev=ID" */
static int change_cell(const char *from, const char *id, char **ret)
{
	_cleanup_qemu_opts_ struct gr_qemu_opts opts = { 0 };
	_cleanup_free_ char *text = NULL;
	size_t length;
	FILE *out;
	bool lost;
	int r = gr_qemu_opts_parse(from, "type", &opts, NULL);

	if (r < 0)
		return r;
	out = open_memstream(&text, &length);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < opts.count; i++)
		if (opts.pairs[i].raw_len && strcmp(opts.pairs[i].key, "mem") != 0)
			fprintf(out, "%.*s,", (int)opts.pairs[i].raw_len, opts.pairs[i].raw);
	fprintf(out, "memdev=%s", id);
	lost = ferror(out);
	if (fclose(out) != 0 || lost)
		return -ENOMEM;
	*ret = gr_steal_ptr(text);
	return 0;
}

/* The need that argv[@word] describes, or -1. */
static ssize_t need_of_word(const struct gr_qemu *qemu, size_t word)
{
	for (size_t i = 0; i < qemu->request.need_count; i++) {
		const struct gr_qemu_source *source = &qemu->sources[i];

		if (source->backend >= 0 && qemu->backends[source->backend].word == word)
			return (ssize_t)i;
		if (source->backend < 0 && source->cell >= 0 &&
		    qemu->cells[source->cell].word == word)
			return (ssize_t)i;
	}
	return -1;
}

static int push_changed(struct rewrite *rewrite, size_t word, size_t need,
			const struct gr_qemu_backing *backing, struct gr_error *err)
{
	const struct gr_qemu *qemu = rewrite->qemu;
	_cleanup_list_ struct gr_list nodes = { 0 };
	char id[64], *text = NULL;
	int r;

	if (qemu->sources[need].backend < 0) {
		new_id(qemu, need, id, sizeof(id));
		r = change_cell(qemu->argv[word], id, &text);
	} else {
		r = gr_list_parse(backing->host_nodes ? backing->host_nodes : "", &nodes, err);
		if (r == 0)
			r = gr_qemu_object_change(qemu->argv[word], backing, &nodes, &text);
	}
	return r < 0 ? r : push(rewrite, text);
}

/* -mem-path never survives; -mem-prealloc does while it still means an object that we leave. */
static bool is_dropped(const struct gr_qemu *qemu, const struct gr_qemu_word *word)
{
	size_t replaced = 0;

	if (word->name && strcmp(word->name, "mem-path") == 0)
		return true;
	if (!word->name || strcmp(word->name, "mem-prealloc") != 0)
		return false;
	for (size_t i = 0; i < qemu->request.need_count; i++)
		replaced += qemu->sources[i].backend >= 0;
	return replaced == qemu->backend_count;
}

static int push_words(struct rewrite *rewrite, const struct gr_qemu_backing *backings,
		      struct gr_error *err)
{
	const struct gr_qemu *qemu = rewrite->qemu;
	struct gr_qemu_word word;
	size_t at = 1;

	while (gr_qemu_next_word(qemu->argv, &at, &word)) {
		ssize_t need = word.arg_at ? need_of_word(qemu, word.arg_at) : -1;
		int r;

		if (is_dropped(qemu, &word))
			continue;
		r = push(rewrite, strdup(qemu->argv[word.at]));
		if (r == 0 && need >= 0)
			r = push_changed(rewrite, word.arg_at, (size_t)need, &backings[need], err);
		else if (r == 0 && word.arg_at)
			r = push(rewrite, strdup(qemu->argv[word.arg_at]));
		if (r < 0)
			return r;
	}
	return 0;
}

int gr_qemu_rewrite(const struct gr_qemu *qemu, const struct gr_qemu_backing *backings,
		    size_t count, char ***ret_argv, struct gr_error *err)
{
	_cleanup_argv_ char **argv = NULL;
	struct rewrite rewrite = { .qemu = qemu };
	int r = check_backings(qemu, backings, count, err);

	if (r < 0)
		return r;
	/* At most four new words per need, and the NULL. */
	argv = calloc(qemu->argc + 4 * count + 1, sizeof(*argv));
	if (!argv)
		return gr_error_nomem(err);
	rewrite.argv = argv;
	r = push(&rewrite, strdup(qemu->argv[0]));
	if (r == 0)
		r = push_new_objects(&rewrite, backings, err);
	if (r == 0)
		r = push_words(&rewrite, backings, err);
	if (r < 0)
		return r == -ENOMEM ? gr_error_nomem(err) : r;
	*ret_argv = gr_steal_ptr(argv);
	return 0;
}
