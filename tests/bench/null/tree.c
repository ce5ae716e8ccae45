/* Nodes and names in memory. */
#include "null.h"

#include <stdlib.h>
#include <string.h>

/* ---- nodes ---- */

struct node *node_of(struct fs *fs, uint64_t inode)
{
	return inode < fs->nodes_used ? fs->nodes[inode] : NULL;
}

static bool nodes_grow(struct fs *fs)
{
	size_t room = fs->nodes_room ? 2 * fs->nodes_room : 1024;
	struct node **nodes = realloc(fs->nodes, room * sizeof(struct node *));

	if (!nodes)
		return false;
	fs->nodes = nodes;
	fs->nodes_room = room;
	return true;
}

struct node *node_new(struct fs *fs, const struct fs_attr *attr)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	if (fs->nodes_used == fs->nodes_room && !nodes_grow(fs)) {
		free(node);
		return NULL;
	}
	node->attr = *attr;
	node->attr.inode = fs->nodes_used;
	clock_gettime(CLOCK_REALTIME_COARSE, &node->attr.btime);
	node->attr.atime = node->attr.mtime = node->attr.ctime = node->attr.btime;
	fs->nodes[fs->nodes_used++] = node;
	node_lookup(fs, node);
	return node;
}

void node_drop(struct fs *fs, struct node *node)
{
	if (node->lookups || node->attr.nlink)
		return;
	fs->nodes[node->attr.inode] = NULL;
	free(node->names);
	free(node->target);
	free(node);
}

void node_touch(struct node *node, bool contents)
{
	clock_gettime(CLOCK_REALTIME_COARSE, &node->attr.ctime);
	if (contents)
		node->attr.mtime = node->attr.ctime;
}

void node_lookup(struct fs *fs, struct node *node)
{
	fs->known += node->lookups++ == 0;
}

/* ---- names ---- */

static uint32_t hash_of(uint64_t parent, struct fs_name name)
{
	uint64_t hash = parent * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < name.length; i++)
		hash = (hash ^ (uint8_t)name.bytes[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(hash ^ (hash >> 32));
}

struct name *name_find(struct fs *fs, uint64_t parent, struct fs_name name)
{
	uint32_t hash = hash_of(parent, name);
	struct name *found = fs->table_room ? fs->table[hash & (fs->table_room - 1)] : NULL;

	while (found && (found->hash != hash || found->parent != parent || found->length != name.length ||
			 memcmp(found->bytes, name.bytes, name.length)))
		found = found->next;
	return found;
}

static bool table_grow(struct fs *fs)
{
	size_t room = fs->table_room ? 2 * fs->table_room : 1024;
	struct name **table = calloc(room, sizeof(struct name *));

	if (!table)
		return false;
	for (size_t i = 0; i < fs->table_room; i++) {
		for (struct name *name = fs->table[i], *next; name; name = next) {
			next = name->next;
			name->next = table[name->hash & (room - 1)];
			table[name->hash & (room - 1)] = name;
		}
	}
	free(fs->table);
	fs->table = table;
	fs->table_room = room;
	return true;
}

static bool list_grow(struct node *parent)
{
	size_t room = parent->names_room ? 2 * parent->names_room : 16;
	struct name **names = realloc(parent->names, room * sizeof(struct name *));

	if (!names)
		return false;
	parent->names = names;
	parent->names_room = room;
	return true;
}

int name_add(struct fs *fs, struct node *parent, struct fs_name name, const struct node *node)
{
	struct name *added = malloc(sizeof(*added) + name.length);

	if (!added || (fs->table_used == fs->table_room && !table_grow(fs)) ||
	    (parent->names_used == parent->names_room && !list_grow(parent))) {
		free(added);
		return -ENOMEM;
	}
	*added = (struct name){
	    .parent = parent->attr.inode,
	    .inode = node->attr.inode,
	    .position = parent->names_used,
	    .hash = hash_of(parent->attr.inode, name),
	    .type = (uint8_t)((node->attr.mode & S_IFMT) >> 12),
	    .length = (uint8_t)name.length,
	};
	memcpy(added->bytes, name.bytes, name.length);
	struct name **place = &fs->table[added->hash & (fs->table_room - 1)];
	added->next = *place;
	*place = added;
	fs->table_used++;
	parent->names[parent->names_used++] = added;
	parent->names_live++;
	node_touch(parent, true);
	return 0;
}

void name_remove(struct fs *fs, struct name *name)
{
	struct node *parent = node_of(fs, name->parent);
	struct name **place = &fs->table[name->hash & (fs->table_room - 1)];

	while (*place != name)
		place = &(*place)->next;
	*place = name->next;
	fs->table_used--;
	parent->names[name->position] = NULL;
	if (--parent->names_live == 0)
		parent->names_used = 0;
	node_touch(parent, true);
	free(name);
}

void tree_free(struct fs *fs)
{
	for (size_t i = 0; i < fs->table_room; i++) {
		for (struct name *name = fs->table[i], *next; name; name = next) {
			next = name->next;
			free(name);
		}
	}
	for (size_t i = 0; i < fs->nodes_used; i++) {
		if (!fs->nodes[i])
			continue;
		free(fs->nodes[i]->names);
		free(fs->nodes[i]->target);
		free(fs->nodes[i]);
	}
	free(fs->table);
	free(fs->nodes);
	free(fs);
}
