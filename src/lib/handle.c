// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handles, and the border of the library: structs of the caller's may be older or newer than we
 * are, so they come in by their size and leave by it; inside, everything is the struct gr_error and
 * the types that the commands use.
 */
#include <limits.h>
#include <string.h>

#include "base/util.h"
#include "host/host.h"
#include "lib/lib.h"

_Static_assert((int)GUESTRAM_ERROR_NO == (int)GR_CLASS_NO &&
	       (int)GUESTRAM_ERROR_USAGE == (int)GR_CLASS_USAGE &&
	       (int)GUESTRAM_ERROR_HOST == (int)GR_CLASS_HOST &&
	       (int)GUESTRAM_ERROR_SYSTEM == (int)GR_CLASS_SYSTEM &&
	       (int)GUESTRAM_ERROR_STRANDED == (int)GR_CLASS_STRANDED, "kinds are classes");

int gr_lib_answer(int r, const struct gr_error *from, struct guestram_error *err)
{
	/* A smaller one than ever was is not initialised; what we do not know of a larger one stays. */
	if (r >= 0 || !err || err->size < GR_LIB_SIZE_0(struct guestram_error, hint))
		return r;
	err->kind = (int)from->class;
	err->errnum = -r;
	snprintf(err->message, sizeof(err->message), "%s",
		 from->message[0] ? from->message : strerror(-r));
	snprintf(err->hint, sizeof(err->hint), "%s", from->hint);
	return r;
}

int gr_lib_options(const void *options, size_t known, void *ret, struct gr_error *err)
{
	const unsigned char *bytes = options;
	size_t size = 0;

	if (options)
		memcpy(&size, options, sizeof(size));
	if (size < sizeof(size))
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "a struct without its size");
	for (size_t i = known; i < size; i++) {
		if (bytes[i])
			return gr_error_set(err, GR_CLASS_USAGE, E2BIG,
					    "a struct of %zu bytes has fields that this version "
					    "(%s, %zu bytes) does not know", size, GR_VERSION, known);
	}
	memset(ret, 0, known);
	memcpy(ret, options, size < known ? size : known);
	return 0;
}

int gr_lib_need_host(const struct guestram *handle, struct gr_error *err)
{
	if (gr_root_is_host(handle->root))
		return 0;
	return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "a captured host can only be looked at");
}

GR_PUBLIC int guestram_open(const char *root_dir, struct guestram **ret, struct guestram_error *err)
{
	struct gr_error why = { 0 };
	struct guestram *handle = calloc(1, sizeof(*handle));
	int r;

	if (!handle)
		return gr_lib_answer(gr_error_nomem(&why), &why, err);
	r = gr_root_open(root_dir, &handle->root, &why);
	if (r < 0) {
		free(handle);
		return gr_lib_answer(r, &why, err);
	}
	handle->users = 1;
	*ret = handle;
	return 0;
}

GR_PUBLIC void guestram_close(struct guestram *handle)
{
	if (!handle || --handle->users)
		return;
	gr_root_close(handle->root);
	free(handle);
}

GR_PUBLIC int guestram_page_sizes(struct guestram *handle, uint64_t *ret_sizes, size_t room,
				  struct guestram_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	struct gr_error why = { 0 };
	int r = gr_host_read(handle->root, GR_READ_POOLS, &host, &why);

	if (r < 0)
		return gr_lib_answer(r, &why, err);
	for (size_t i = 0; i < host->page_size_count && i < room; i++)
		ret_sizes[i] = host->page_sizes[i];
	return (int)gr_min_u64(host->page_size_count, INT_MAX);
}

GR_PUBLIC int guestram_default_page_size(struct guestram *handle, uint64_t *ret_bytes,
					 struct guestram_error *err)
{
	_cleanup_host_ struct gr_host *host = NULL;
	struct gr_error why = { 0 };
	int r = gr_host_read(handle->root, GR_READ_POOLS, &host, &why);

	if (r >= 0 && !host->default_page_size_bytes)
		r = gr_error_set(&why, GR_CLASS_HOST, ENOENT, "this kernel has no huge pages");
	if (r < 0)
		return gr_lib_answer(r, &why, err);
	*ret_bytes = host->default_page_size_bytes;
	return 0;
}
