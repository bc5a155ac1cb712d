/*
 * words: from the words of a command to a request (lib/command.h).
 *
 * As with iproute2 a keyword is followed by its value and the order is free; what is no keyword is
 * an address. What a value may be is the daemon's to judge (or lib/spec's, while it is stopped), so
 * that both say the same.
 */
#include "client.h"

#include <string.h>

static const struct keyword {
	const char *word;
	unsigned takes;
} keywords[] = {
	{"vif", TAKES_VIF},
	{"guest", TAKES_GUEST},
	{"uplink", TAKES_UPLINK},
	{"via", TAKES_VIA},
	{"mac", TAKES_MAC},
	{"replace", TAKES_REPLACE},
};
#define NKEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

static const struct keyword *find_keyword(const char *word)
{
	for (size_t i = 0; i < NKEYWORDS; i++)
		if (!strcmp(keywords[i].word, word))
			return &keywords[i];
	return NULL;
}

static bool append(json_t *request, const char *key, const char *text)
{
	json_t *list = json_object_get(request, key);

	if (!list) {
		list = json_array();
		if (json_object_set_new(request, key, list))
			return false;
	}
	return json_array_append_new(list, json_string(text)) == 0;
}

static bool take_keyword(
	const struct client *c, const struct keyword *k, const char *value, json_t *request)
{
	if (k->takes != TAKES_MAC && json_object_get(request, k->word)) {
		complain(c, "\"%s\" is given twice", k->word);
		return false;
	}
	if (k->takes == TAKES_REPLACE)
		return json_object_set_new(request, k->word, json_true()) == 0;
	if (!value || !*value) {
		complain(c, "what follows \"%s\" is missing", k->word);
		return false;
	}
	if (k->takes == TAKES_MAC ? append(request, k->word, value)
				  : !json_object_set_new(request, k->word, json_string(value)))
		return true;
	complain(c, "what follows \"%s\" is not UTF-8 text", k->word);
	return false;
}

static bool take_address(
	const struct client *c, const struct command *cmd, const char *word, json_t *request)
{
	if (!(cmd->takes & (TAKES_ADDRESS | TAKES_ADDRESSES)) || !strpbrk(word, ":.")) {
		complain(c, "%s: \"%s\" is not expected here", cmd->name, word);
		return false;
	}
	if (cmd->takes & TAKES_ADDRESSES) {
		if (append(request, "addresses", word))
			return true;
	} else {
		if (json_object_get(request, "address")) {
			complain(c, "%s: one address at most", cmd->name);
			return false;
		}
		if (!json_object_set_new(request, "address", json_string(word)))
			return true;
	}
	complain(c, "%s: an address is not UTF-8 text", cmd->name);
	return false;
}

json_t *words_request(const struct client *c, const struct command *cmd, char **words)
{
	json_t *request = json_pack("{ss}", "command", cmd->name);

	if (!request) {
		complain(c, "out of memory");
		return NULL;
	}
	while (*words) {
		const struct keyword *k = find_keyword(*words);
		bool ok;

		if (k && (cmd->takes & k->takes)) {
			const bool has_value = k->takes != TAKES_REPLACE;

			ok = take_keyword(c, k, words[1], request);
			words += has_value && words[1] ? 2 : 1;
		} else {
			ok = take_address(c, cmd, *words++, request);
		}
		if (!ok)
			goto wrong;
	}
	if (!cmd->whole || cmd->whole(request))
		return request;
	complain(c, "%s: the command is not complete, or names too much", cmd->name);
wrong:
	json_decref(request);
	return NULL;
}

static bool has(const json_t *request, const char *key)
{
	return json_object_get(request, key);
}

bool words_whole_add(const json_t *request)
{
	return has(request, "addresses") && has(request, "vif");
}

bool words_whole_del(const json_t *request)
{
	if (has(request, "addresses"))
		return !has(request, "guest");
	return has(request, "vif") != has(request, "guest");
}

bool words_whole_one(const json_t *request)
{
	return has(request, "addresses") + has(request, "address") + has(request, "vif") +
		       has(request, "guest") <=
	       1;
}
