// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages are JSON objects, one after the other, with or without line ends inside (pretty=on);
 * json-c finds where they end. Depth and length are bounded.
 */
#include <string.h>

#include "base/util.h"
#include "verify/qmp_read.h"

#define DEPTH_MAX 16

int gr_qmp_reader_init(struct gr_qmp_reader *reader)
{
	*reader = (struct gr_qmp_reader){ .tokener = json_tokener_new_ex(DEPTH_MAX) };
	return reader->tokener ? 0 : -ENOMEM;
}

void gr_qmp_reader_done(struct gr_qmp_reader *reader)
{
	if (reader->tokener)
		json_tokener_free(reader->tokener);
	reader->tokener = NULL;
}

int gr_qmp_feed(struct gr_qmp_reader *reader, const char *bytes, size_t len, size_t *ret_used,
		json_object **ret_message)
{
	size_t blank = 0;
	json_object *message;
	enum json_tokener_error error;

	/* Between messages there are line ends; the tokener would wait for more behind them. */
	while (!reader->bytes && blank < len && strchr("\r\n\t ", bytes[blank]) && bytes[blank])
		blank++;
	*ret_used = blank;
	if (blank == len)
		return 0;
	len = gr_min_u64(len - blank, GR_QMP_MESSAGE_MAX - reader->bytes);
	if (!len)
		return -EMSGSIZE;
	message = json_tokener_parse_ex(reader->tokener, bytes + blank, (int)len);
	error = json_tokener_get_error(reader->tokener);
	if (error == json_tokener_continue) {
		*ret_used += len;
		reader->bytes += len;
		return 0;
	}
	if (error != json_tokener_success || !json_object_is_type(message, json_type_object)) {
		json_object_put(message);
		return -EBADMSG;
	}
	*ret_used += json_tokener_get_parse_end(reader->tokener);
	json_tokener_reset(reader->tokener);
	reader->bytes = 0;
	*ret_message = message;
	return 1;
}

int gr_qmp_kind(json_object *message, json_object **ret_value)
{
	static const char *const keys[] = {
		[GR_QMP_GREETING] = "QMP",
		[GR_QMP_EVENT] = "event",
		[GR_QMP_RETURN] = "return",
		[GR_QMP_ERROR] = "error",
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(keys); i++) {
		if (json_object_object_get_ex(message, keys[i], ret_value))
			return (int)i;
	}
	return -EBADMSG;
}
