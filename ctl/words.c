/*
 * words: from the words of a command to a request (lib/command.h).
 *
 * As with iproute2 a keyword is followed by its value and the order is free; what is no keyword is
 * an address. What a value may be is the daemon's to judge (or lib/spec's, while it is stopped), so
 * that both say the same.
 */
#include "client.h"

#include <string.h>
#include <sys/socket.h>

#include "addr.h"

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

/* What is no address at all is the daemon's to refuse. */
static bool is_other_family(const struct client *c, const json_t *text)
{
	struct prefix p;

	return prefix_parse(json_string_value(text), &p) == 0 && addr_family(&p.addr) != c->family;
}

static enum family_verdict judge_family(const struct client *c, const json_t *text)
{
	if (!text || !is_other_family(c, text))
		return FAMILY_OURS;
	if (c->skip_other_family)
		return FAMILY_NOTHING;
	complain(c, "%s is an IPv%d address: expected IPv%d; %s is the command for it",
		json_string_value(text), c->family == AF_INET ? 6 : 4, c->family == AF_INET ? 4 : 6,
		c->other);
	return FAMILY_REFUSED;
}

enum family_verdict words_family(const struct client *c, json_t *request)
{
	static const char *const single[] = {"address", "via"};
	json_t *list = json_object_get(request, "addresses");
	size_t given = json_array_size(list);

	for (size_t n = json_array_size(list); n-- > 0;) {
		switch (judge_family(c, json_array_get(list, n))) {
		case FAMILY_OURS: break;
		case FAMILY_NOTHING: json_array_remove(list, n); break;
		case FAMILY_REFUSED: return FAMILY_REFUSED;
		}
	}
	for (size_t n = 0; n < sizeof(single) / sizeof(single[0]); n++) {
		enum family_verdict v = judge_family(c, json_object_get(request, single[n]));

		if (v == FAMILY_REFUSED || (v == FAMILY_NOTHING && n == 0))
			return v;
		if (v == FAMILY_NOTHING)
			json_object_del(request, single[n]);
	}
	return given && json_array_size(list) == 0 ? FAMILY_NOTHING : FAMILY_OURS;
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
