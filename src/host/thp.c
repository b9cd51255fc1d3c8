// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Transparent huge pages: every setting that this kernel has below transparent_hugepage/, as the
 * directories list them, so that a size or a key of a newer kernel needs no change here. Counters
 * (stats/, and two in khugepaged/) are no settings. A setting is a word out of a list with the
 * chosen one in brackets, or a number.
 */
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

#define DIR_THP "sys/kernel/mm/transparent_hugepage"

static const char *const not_settings[] = {
	"hpage_pmd_size",
	"khugepaged/full_scans",
	"khugepaged/pages_collapsed",
};

static void free_choices(char **choices)
{
	for (size_t i = 0; choices && choices[i]; i++)
		free(choices[i]);
	free(choices);
}

void gr_setting_done(struct gr_setting *setting)
{
	free(setting->key);
	free(setting->value);
	free_choices(setting->choices);
	*setting = (struct gr_setting){ 0 };
}

static void free_choicesp(char ***choices)
{
	free_choices(*choices);
}

int gr_setting_parse(const char *text, struct gr_setting *setting)
{
	__attribute__((cleanup(free_choicesp))) char **choices = NULL;
	_cleanup_free_ char *copy = strdup(text);
	size_t count = 0, chosen = SIZE_MAX;
	char *cursor, *word, *value;

	if (!copy)
		return -ENOMEM;
	cursor = gr_text_trim(copy);
	choices = calloc(strlen(cursor) / 2 + 2, sizeof(*choices)); /* NULL stands last */
	if (!choices)
		return -ENOMEM;
	while ((word = gr_next_word(&cursor))) {
		size_t len = strlen(word);

		if (len > 2 && word[0] == '[' && word[len - 1] == ']') {
			if (chosen != SIZE_MAX)
				return -EBADMSG;
			chosen = count;
			word[len - 1] = '\0';
			word++;
		}
		if (strpbrk(word, "[]"))
			return -EBADMSG;
		choices[count] = strdup(word);
		if (!choices[count++])
			return -ENOMEM;
	}
	/* Without a choice it has to be one word. */
	if (chosen == SIZE_MAX && count != 1)
		return -EBADMSG;
	value = strdup(choices[chosen == SIZE_MAX ? 0 : chosen]);
	if (!value)
		return -ENOMEM;
	setting->value = value;
	setting->choices = chosen == SIZE_MAX ? NULL : gr_steal_ptr(choices);
	return 0;
}

static int add_setting(const struct gr_root *root, struct gr_host *host, const char *key)
{
	struct gr_thp *thp = &host->thp;
	_cleanup_free_ char *text = NULL;
	struct gr_setting setting = { 0 };
	char path[512];
	int r;

	for (size_t i = 0; i < GR_ARRAY_SIZE(not_settings); i++) {
		if (!strcmp(key, not_settings[i]))
			return 0;
	}
	snprintf(path, sizeof(path), DIR_THP "/%s", key);
	r = gr_root_read(root, path, &text, NULL, NULL);
	if (r >= 0)
		r = gr_setting_parse(text, &setting);
	if (r == -ENOMEM)
		return r;
	setting.answer = gr_answer_of(r);
	if (r < 0 && gr_host_note_file(host, path, r) < 0)
		return -ENOMEM;
	setting.key = strdup(key);
	if (!setting.key || gr_grow(&thp->settings, thp->count, sizeof(*thp->settings)) < 0) {
		gr_setting_done(&setting);
		return -ENOMEM;
	}
	thp->settings[thp->count++] = setting;
	return 0;
}

static bool is_directory(const char *name)
{
	return !strcmp(name, "khugepaged") || !strncmp(name, "hugepages-", strlen("hugepages-"));
}

static int add_directory(const struct gr_root *root, struct gr_host *host, const char *name)
{
	_cleanup_names_ struct gr_names names = { 0 };
	char path[512], key[512];
	int r;

	snprintf(path, sizeof(path), DIR_THP "/%s", name);
	r = gr_root_list(root, path, &names, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : gr_host_note_file(host, path, r);
	for (size_t i = 0; i < names.count; i++) {
		if (!strcmp(names.names[i], "stats"))
			continue;
		snprintf(key, sizeof(key), "%s/%s", name, names.names[i]);
		r = add_setting(root, host, key);
		if (r < 0)
			return r;
	}
	return 0;
}

int gr_host_read_thp(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_names_ struct gr_names names = { 0 };
	int r = gr_root_list(root, DIR_THP, &names, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : gr_host_note_file(host, DIR_THP, r);
	host->thp.present = true;
	gr_root_read_u64(root, DIR_THP "/hpage_pmd_size", &host->thp.pmd_size_bytes, NULL);
	for (size_t i = 0; i < names.count; i++) {
		if (!is_directory(names.names[i]))
			r = add_setting(root, host, names.names[i]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < names.count; i++) {
		if (is_directory(names.names[i]))
			r = add_directory(root, host, names.names[i]);
		if (r < 0)
			return r;
	}
	return 0;
}
