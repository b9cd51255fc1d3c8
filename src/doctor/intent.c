// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From what the readers of command lines found to pieces of memory. A file's page size is that of
 * the hugetlbfs mount it lies in; on any other file system its pages are ordinary ones.
 */
#include "doctor/intent.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "guest/cloud_hypervisor.h"
#include "guest/qemu_argv.h"
#include "verify/process.h"

struct gr_ask *gr_intent_ask(struct gr_intent *intent)
{
	if (gr_grow(&intent->asks, intent->ask_count, sizeof(*intent->asks)) < 0)
		return NULL;
	return &intent->asks[intent->ask_count++];
}

int gr_intent_note(struct gr_intent *intent, const char *code, enum gr_severity severity,
		   const char *message)
{
	struct gr_intent_note *note;

	if (gr_grow(&intent->notes, intent->note_count, sizeof(*intent->notes)) < 0)
		return -ENOMEM;
	note = &intent->notes[intent->note_count];
	snprintf(note->code, sizeof(note->code), "%s", code);
	note->severity = severity;
	note->message = strdup(message);
	if (!note->message)
		return -ENOMEM;
	intent->note_count++;
	return 0;
}

static int take_notes(const struct gr_notes *notes, struct gr_intent *intent)
{
	int r = 0;

	for (size_t i = 0; i < notes->count && r >= 0; i++)
		r = gr_intent_note(intent, notes->items[i].code,
				   notes->items[i].fatal ? GR_ERROR : GR_WARNING,
				   notes->items[i].message);
	return r;
}

static uint64_t page_size_of_file(const struct gr_host *host, const char *path)
{
	size_t longest = 0;
	uint64_t size = 0;

	for (size_t i = 0; i < host->mount_count; i++) {
		size_t len = strlen(host->mounts[i].path);

		if (len < longest || strncmp(path, host->mounts[i].path, len) != 0 ||
		    (path[len] && path[len] != '/'))
			continue;
		longest = len;
		size = host->mounts[i].page_size_bytes;
	}
	return size;
}

static int take_need(const struct gr_need *need, struct gr_intent *intent, struct gr_ask **ret)
{
	struct gr_ask *ask = gr_intent_ask(intent);

	if (!ask)
		return -ENOMEM;
	ask->bytes = need->memory_bytes;
	ask->page_size_bytes = need->page_size_bytes;
	ask->shared = need->shared;
	ask->bound = need->policy == GR_POLICY_BIND && need->host_nodes.count;
	if (gr_list_copy(&need->host_nodes, &ask->nodes) < 0)
		return -ENOMEM;
	*ret = ask;
	if (need->backend_id)
		return gr_asprintf(&ask->what, "object %s", need->backend_id);
	if (need->guest_cell >= 0)
		return gr_asprintf(&ask->what, "guest cell %d", need->guest_cell);
	return gr_asprintf(&ask->what, "guest RAM");
}

static int set_path(struct gr_ask *ask, const char *path, const struct gr_host *host)
{
	ask->kind = GR_ASK_FILE;
	ask->path = strdup(path);
	if (!ask->path)
		return -ENOMEM;
	ask->by_libvirt = strstr(path, "/libvirt/qemu") != NULL;
	if (!ask->page_size_bytes)
		ask->page_size_bytes = page_size_of_file(host, path);
	return 0;
}

static void count_pages(struct gr_intent *intent)
{
	for (size_t i = 0; i < intent->ask_count; i++) {
		struct gr_ask *ask = &intent->asks[i];

		ask->pages = ask->page_size_bytes ? gr_div_up(ask->bytes, ask->page_size_bytes) : 0;
	}
}

static int take_traits(const struct gr_request *request, struct gr_intent *intent)
{
	intent->passthrough = request->passthrough;
	intent->maps_elsewhere = request->shared;
	intent->balloon = request->balloon;
	intent->locked = request->locked;
	if (request->name) {
		intent->name = strdup(request->name);
		if (!intent->name)
			return -ENOMEM;
	}
	return 0;
}

static int take_qemu_need(const struct gr_qemu *qemu, size_t i, const struct gr_host *host,
			  struct gr_intent *intent)
{
	const struct gr_qemu_source *source = &qemu->sources[i];
	const struct gr_qemu_backend *backend =
		source->backend >= 0 ? &qemu->backends[source->backend] : NULL;
	struct gr_ask *ask;
	const char *word;
	int r = take_need(&qemu->request.needs[i], intent, &ask);

	if (r < 0)
		return r;
	ask->prealloc = qemu->mem_prealloc;
	if (backend) {
		ask->prealloc =
			backend->prealloc || (!backend->prealloc_given && qemu->mem_prealloc);
		ask->kind = backend->kind == GR_QEMU_MEMFD ? GR_ASK_MEMFD : GR_ASK_ANONYMOUS;
		word = qemu->argv[backend->word];
		ask->unreserved = strstr(word, "reserve=off") || strstr(word, "\"reserve\":false");
	}
	return source->mem_path ? set_path(ask, source->mem_path, host) : 0;
}

static int take_qemu(char *const *argv, const struct gr_host *host, struct gr_intent *intent,
		     struct gr_error *err)
{
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;
	int r = gr_qemu_parse(argv, &qemu, err);

	if (r < 0)
		return r;
	intent->vmm = "QEMU";
	intent->incoming = qemu->incoming;
	r = gr_qemu_default_page_size(qemu, host->default_page_size_bytes);
	for (size_t i = 0; i < qemu->request.need_count && r >= 0; i++)
		r = take_qemu_need(qemu, i, host, intent);
	for (size_t i = 0; i < intent->ask_count; i++)
		intent->libvirt |= intent->asks[i].by_libvirt;
	if (r >= 0)
		r = take_traits(&qemu->request, intent);
	if (r >= 0)
		r = take_notes(&qemu->notes, intent);
	return r < 0 ? gr_error_nomem(err) : 0;
}

static int take_ch(char *const *argv, const struct gr_host *host, struct gr_intent *intent,
		   struct gr_error *err)
{
	_cleanup_ch_ struct gr_ch ch = { 0 };
	int r = gr_ch_parse(argv, &ch, err);

	if (r < 0)
		return r;
	intent->vmm = "Cloud Hypervisor";
	r = gr_ch_default_page_size(&ch, host->default_page_size_bytes);
	for (size_t i = 0; i < ch.request.need_count && r >= 0; i++) {
		struct gr_ask *ask;

		r = take_need(&ch.request.needs[i], intent, &ask);
		if (r < 0)
			break;
		ask->kind = ch.sources[i].hugetlb ? GR_ASK_MEMFD : GR_ASK_ANONYMOUS;
		ask->prealloc = ch.sources[i].prefault;
		ask->unreserved = !ch.reserve && !ch.sources[i].prefault;
		if (ch.sources[i].file)
			r = set_path(ask, ch.sources[i].file, host);
	}
	if (r >= 0)
		r = take_traits(&ch.request, intent);
	if (r >= 0)
		r = take_notes(&ch.notes, intent);
	return r < 0 ? gr_error_nomem(err) : 0;
}

int gr_intent_argv(char *const *argv, const struct gr_host *host, struct gr_intent *ret,
		   struct gr_error *err)
{
	struct gr_intent intent = { .known = true, .source = "command line" };
	int r;

	if (argv[0] && gr_qemu_is(argv[0])) {
		r = take_qemu(argv, host, &intent, err);
	} else if (argv[0] && gr_ch_is(argv[0])) {
		r = take_ch(argv, host, &intent, err);
	} else {
		r = gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				 "'%.64s' is no command line of QEMU or Cloud Hypervisor",
				 argv[0] ? argv[0] : "");
	}
	if (r < 0) {
		gr_intent_done(&intent);
		return r;
	}
	count_pages(&intent);
	*ret = intent;
	return 0;
}

int gr_intent_pid(const struct gr_root *root, pid_t pid, const struct gr_host *host,
		  struct gr_intent *ret, struct gr_error *err)
{
	_cleanup_process_ struct gr_process process = { 0 };
	int r = gr_process_read(root, pid, &process, err);

	if (r >= 0)
		r = gr_intent_argv(process.argv, host, ret, err);
	if (r < 0)
		return r;
	ret->source = "process";
	ret->pid = pid;
	ret->passthrough |= process.has_vfio;
	return 0;
}

uint64_t gr_intent_pages(const struct gr_intent *intent, uint64_t page_size_bytes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < intent->ask_count; i++) {
		if (intent->asks[i].page_size_bytes == page_size_bytes &&
		    __builtin_add_overflow(sum, intent->asks[i].pages, &sum))
			return UINT64_MAX;
	}
	return sum;
}

uint64_t gr_intent_bytes(const struct gr_intent *intent)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < intent->ask_count; i++) {
		if (__builtin_add_overflow(sum, intent->asks[i].bytes, &sum))
			return UINT64_MAX;
	}
	return sum;
}

void gr_intent_done(struct gr_intent *intent)
{
	for (size_t i = 0; i < intent->ask_count; i++) {
		free(intent->asks[i].what);
		free(intent->asks[i].path);
		gr_list_done(&intent->asks[i].nodes);
	}
	for (size_t i = 0; i < intent->note_count; i++)
		free(intent->notes[i].message);
	free(intent->asks);
	free(intent->notes);
	free(intent->name);
	*intent = (struct gr_intent){ 0 };
}
