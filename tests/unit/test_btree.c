/* The B+tree against a sorted array, with all its nodes walked and checked now and then. */
#include "backend_fixture.h"
#include "random.h"
#include "../../backend/btree_node.h"

#define OPERATIONS 100000u
#define MODEL_MAX  6000u
#define OBJECTS	   40u
#define TREE	   TREE_FILES

struct model_item {
	struct key key;
	unsigned size;
	uint64_t seed; /* of its bytes */
};

struct model {
	struct model_item items[MODEL_MAX];
	unsigned count;
};

struct trial {
	struct backend b;
	struct random random;
	struct model model;
	struct model before; /* the transaction that is going to be aborted */
};

/* ---- the model ---- */

static unsigned model_search(const struct model *model, struct key key, bool *ret_exact)
{
	unsigned low = 0, high = model->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (key_compare(model->items[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_exact = low < model->count && key_compare(model->items[low].key, key) == 0;
	return low;
}

static void model_put(struct model *model, struct model_item item)
{
	bool exact;
	unsigned at = model_search(model, item.key, &exact);

	if (!exact) {
		assert_true(model->count < MODEL_MAX);
		memmove(&model->items[at + 1], &model->items[at], (model->count - at) * sizeof(item));
		model->count++;
	}
	model->items[at] = item;
}

static void model_remove(struct model *model, unsigned at)
{
	model->count--;
	memmove(&model->items[at], &model->items[at + 1], (model->count - at) * sizeof(model->items[0]));
}

static void item_bytes(const struct model_item *item, uint8_t *bytes)
{
	struct random random = {item->seed};

	for (unsigned i = 0; i < item->size; i++)
		bytes[i] = (uint8_t)random_next(&random);
}

static void assert_item(const struct model_item *item, const void *bytes, size_t size)
{
	uint8_t expected[ITEM_MAX];

	assert_int_equal(size, item->size);
	item_bytes(item, expected);
	assert_int_equal(memcmp(bytes, expected, size), 0);
}

/* ---- all nodes ---- */

struct walk {
	struct image *image;
	const struct model *model;
	unsigned seen; /* items */
	uint64_t nodes;
	uint64_t used; /* bytes in leaves */
	uint64_t leaves;
};

static void walk_node(struct walk *walk, uint64_t block, unsigned level, struct key low,
		      const struct key *high)
{
	const struct node_disk *node;
	const char *why = NULL;

	assert_int_equal(image_block(walk->image, block, MAGIC_NODE, (const void **)&node), 0);
	assert_int_equal(node_check(walk->image, node, &why), 0);
	assert_true(block_checksum_right(walk->image, node));
	assert_int_equal(le16_get(node->level), level);
	assert_true(alloc_is_metadata_place(walk->image, block));
	walk->nodes++;
	if (level > 0)
		assert_int_equal(key_compare(node_key(node, 0), low), 0);
	for (unsigned i = 0; i < node_count(node); i++) {
		struct key key = node_key(node, i), next;

		assert_true(key_compare(key, low) >= 0);
		assert_true(!high || key_compare(key, *high) < 0);
		if (level == 0) {
			assert_true(walk->seen < walk->model->count);
			assert_int_equal(key_compare(walk->model->items[walk->seen].key, key), 0);
			assert_item(&walk->model->items[walk->seen], node_item(node, i),
				    node_item_size(node, i));
			walk->seen++;
		} else {
			uint64_t child, birth;
			bool last = i + 1 == node_count(node);

			node_child(node, i, &child, &birth);
			if (!last)
				next = node_key(node, i + 1);
			walk_node(walk, child, level - 1, key, last ? high : &next);
		}
	}
	if (level == 0) {
		walk->used += node_used(node);
		walk->leaves++;
	}
}

/* Walks the tree; returns how full leaves are, in percent. */
static unsigned assert_tree(struct image *image, const struct model *model)
{
	struct walk walk = {.image = image, .model = model};
	const struct roots_disk *roots;

	image_read_lock(image);
	assert_int_equal(image_block(image, image_roots_block(image), MAGIC_ROOTS, (const void **)&roots), 0);
	if (le64_get(roots->roots[TREE].block))
		walk_node(&walk, le64_get(roots->roots[TREE].block), le32_get(roots->roots[TREE].level),
			  (struct key){0}, NULL);
	assert_int_equal(walk.seen, model->count);
	assert_int_equal(walk.nodes, le64_get(roots->meta_blocks));
	image_read_unlock(image);
	return walk.leaves ? (unsigned)(walk.used * 100 /
					(walk.leaves * (BLOCK_SIZE - sizeof(struct node_disk) - NODE_ORDER)))
			   : 100;
}

struct scan {
	const struct model *model;
	unsigned at;
};

static int scan_visit(void *context, struct key key, const void *bytes, size_t size)
{
	struct scan *scan = context;

	assert_true(scan->at < scan->model->count);
	assert_int_equal(key_compare(scan->model->items[scan->at].key, key), 0);
	assert_item(&scan->model->items[scan->at++], bytes, size);
	return 0;
}

/* A scan between two keys visits what the model has between them. */
static void assert_scan(struct trial *t, struct key from, struct key to)
{
	struct scan scan = {.model = &t->model};
	bool exact;
	unsigned end = model_search(&t->model, to, &exact) + (exact ? 1 : 0);

	scan.at = model_search(&t->model, from, &exact);
	if (end < scan.at)
		end = scan.at;
	assert_int_equal(tree_scan(t->b.image, TREE, from, to, scan_visit, &scan), 0);
	assert_int_equal(scan.at, end);
}

/* ---- random operations ---- */

static struct key random_key(struct trial *t)
{
	struct key key = {.object = random_below(&t->random, OBJECTS),
			  .type = (uint8_t)(1 + random_below(&t->random, 3)),
			  .offset = random_below(&t->random, 200)};

	if (random_below(&t->random, 50) == 0) /* the ends of the key space */
		key.object = random_below(&t->random, 2) ? UINT64_MAX : 0;
	if (key.object == 0)
		key.type = 0;
	return key;
}

static unsigned random_size(struct trial *t)
{
	switch (random_below(&t->random, 8)) {
	case 0:
		return (unsigned)random_below(&t->random, ITEM_MAX + 1);
	case 1:
		return ITEM_MAX - (unsigned)random_below(&t->random, 3);
	case 2:
		return 0;
	default:
		return (unsigned)random_below(&t->random, 120);
	}
}

static void change_put(struct trial *t, struct txn *txn)
{
	struct model_item item = {
	    .key = random_key(t), .size = random_size(t), .seed = random_next(&t->random)};
	uint8_t bytes[ITEM_MAX];

	item_bytes(&item, bytes);
	assert_int_equal(tree_put(txn, TREE, item.key, bytes, item.size), 0);
	model_put(&t->model, item);
}

static void change_delete(struct trial *t, struct txn *txn)
{
	bool exact;
	struct key key = random_key(t);
	unsigned at = model_search(&t->model, key, &exact);

	if (!exact && t->model.count > 0 && random_below(&t->random, 4)) {
		at = at < t->model.count ? at : at - 1;
		key = t->model.items[at].key;
		exact = true;
	}
	assert_int_equal(tree_delete(txn, TREE, key), exact ? 0 : -ENOENT);
	if (exact)
		model_remove(&t->model, at);
}

static void ask_get(struct trial *t, struct key key)
{
	uint8_t bytes[ITEM_MAX];
	size_t size;
	bool exact;
	unsigned at = model_search(&t->model, key, &exact);
	int result = tree_get(t->b.image, TREE, key, bytes, sizeof(bytes), &size);

	assert_int_equal(result, exact ? 0 : -ENOENT);
	if (!exact)
		return;
	assert_item(&t->model.items[at], bytes, size);
	if (size > 0)
		assert_int_equal(tree_get(t->b.image, TREE, key, bytes, size - 1, &size), -ERANGE);
}

static void ask_neighbours(struct trial *t, struct key key)
{
	uint8_t bytes[ITEM_MAX];
	size_t size;
	struct key found;
	bool exact;
	unsigned at = model_search(&t->model, key, &exact);
	int result = tree_next(t->b.image, TREE, key, &found, bytes, sizeof(bytes), &size);

	assert_int_equal(result, at < t->model.count ? 0 : -ENOENT);
	if (result == 0) {
		assert_int_equal(key_compare(found, t->model.items[at].key), 0);
		assert_item(&t->model.items[at], bytes, size);
	}
	result = tree_previous(t->b.image, TREE, key, &found, bytes, sizeof(bytes), &size);
	at += exact ? 1 : 0;
	assert_int_equal(result, at > 0 ? 0 : -ENOENT);
	if (result == 0) {
		assert_int_equal(key_compare(found, t->model.items[at - 1].key), 0);
		assert_item(&t->model.items[at - 1], bytes, size);
	}
}

/* Up to six changes, sometimes taken back. `growing`: puts in ten. Returns the number of operations. */
static unsigned random_transaction(struct trial *t, unsigned growing)
{
	unsigned changes = 1 + (unsigned)random_below(&t->random, 6);
	bool aborted = random_below(&t->random, 10) == 0;
	struct txn *txn;

	if (aborted)
		t->before = t->model;
	assert_int_equal(txn_begin(t->b.image, changes, 0, &txn), 0);
	for (unsigned i = 0; i < changes; i++) {
		if (random_below(&t->random, 10) < growing && t->model.count < MODEL_MAX)
			change_put(t, txn);
		else
			change_delete(t, txn);
	}
	if (random_below(&t->random, 8) == 0)
		ask_neighbours(t, random_key(t));
	if (aborted) {
		txn_abort(txn);
		t->model = t->before;
	} else {
		assert_int_equal(txn_commit(txn, NULL), 0);
	}
	return changes;
}

static void random_questions(struct trial *t)
{
	struct key key = random_key(t);

	image_read_lock(t->b.image);
	ask_get(t, key);
	ask_neighbours(t, key);
	if (random_below(&t->random, 20) == 0)
		assert_scan(t, key, random_key(t));
	image_read_unlock(t->b.image);
}

static void run_trial(uint64_t without, uint64_t seed, unsigned operations)
{
	static struct trial trial;
	struct trial *t = &trial;
	unsigned done = 0, next_walk = 0;

	print_message("seed %llu\n", (unsigned long long)seed);
	memset(t, 0, sizeof(*t));
	t->random.state = seed;
	backend_make_without(&t->b, 4u << 20, without);
	backend_open(&t->b, RECOVER_AUTO);
	while (done < operations) {
		/* grow to some thousand items, shrink to nearly none, twice */
		unsigned phase = done * 4 / operations;

		done += random_transaction(t, phase % 2 == 0 ? 8 : 2);
		random_questions(t);
		done += 3;
		if (done >= next_walk) {
			assert_tree(t->b.image, &t->model);
			next_walk += operations / 20;
		}
	}
	assert_tree(t->b.image, &t->model);
	backend_kill(&t->b);
	backend_open(&t->b, RECOVER_WARM);
	assert_tree(t->b.image, &t->model);
	backend_close(&t->b);
	backend_open(&t->b, RECOVER_AUTO);
	assert_tree(t->b.image, &t->model);
	backend_close(&t->b);
	backend_remove(&t->b);
}

static void random_against_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		run_trial(0, seed, OPERATIONS / 4);
}

/* An image whose nodes have no order table. */
static void random_without_order(void **state)
{
	(void)state;
	for (uint64_t seed = 5; seed <= 6; seed++)
		run_trial(FEATURE_ORDER, seed, OPERATIONS / 4);
}

/* Ascending keys fill the leaves; deleting in order leaves nothing behind. Large items make the tree high
 * enough for inner nodes to go at the front. */
static void ascending(void **state)
{
	static struct trial trial;
	struct trial *t = &trial;
	struct txn *txn;
	unsigned count = 2000;

	(void)state;
	memset(t, 0, sizeof(*t));
	backend_make(&t->b, 4u << 20);
	backend_open(&t->b, RECOVER_AUTO);
	for (unsigned i = 0; i < count; i++) {
		struct model_item item = {.key = {.object = i, .type = 1}, .size = 1260, .seed = i};
		uint8_t bytes[ITEM_MAX];

		item_bytes(&item, bytes);
		assert_int_equal(txn_begin(t->b.image, 1, 0, &txn), 0);
		assert_int_equal(tree_put(txn, TREE, item.key, bytes, item.size), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
		model_put(&t->model, item);
	}
	assert_true(assert_tree(t->b.image, &t->model) > 90);
	/* from the front: each time the first slots of all levels go */
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(txn_begin(t->b.image, 1, TXN_RELEASES, &txn), 0);
		assert_int_equal(tree_delete(txn, TREE, (struct key){.object = i, .type = 1}), 0);
		assert_int_equal(txn_commit(txn, NULL), 0);
		model_remove(&t->model, 0);
		if (i % 500 == 0)
			assert_tree(t->b.image, &t->model);
	}
	assert_tree(t->b.image, &t->model);
	backend_close(&t->b);
	backend_remove(&t->b);
}

/* ---- hostile nodes: any bytes, with a right checksum ---- */

/* Uses whatever can be used of the tree; the answers are not judged, but each call has to come back. */
static void use_tree(struct trial *t)
{
	struct image *image = t->b.image;
	uint8_t bytes[ITEM_MAX];
	size_t size;
	struct key found;
	struct txn *txn;

	image_read_lock(image);
	for (unsigned i = 0; i < 30; i++) {
		struct key key = random_key(t);

		(void)!tree_get(image, TREE, key, bytes, sizeof(bytes), &size);
		(void)!tree_next(image, TREE, key, &found, bytes, sizeof(bytes), &size);
		(void)!tree_previous(image, TREE, key, &found, bytes, sizeof(bytes), &size);
	}
	image_read_unlock(image);
	for (unsigned i = 0; i < 30; i++) {
		int result = txn_begin(image, 2, 0, &txn);

		if (result < 0)
			return;
		result = tree_put(txn, TREE, random_key(t), bytes, random_size(t));
		if (result == 0)
			result = tree_delete(txn, TREE, random_key(t));
		if (result == 0)
			result = txn_commit(txn, NULL);
		else
			txn_abort(txn);
		assert_true(result == 0 || result == -ENOENT || result == -EUCLEAN);
	}
}

static int count_visit(void *context, struct key key, const void *bytes, size_t size)
{
	(void)key;
	(void)bytes;
	(void)size;
	return ++*(unsigned *)context > 100000 ? -ELOOP : 0;
}

/* Damages a metadata block of the closed image, checksum included. */
static void damage(struct trial *t, uint64_t seed, uint64_t first, uint64_t blocks)
{
	uint8_t bytes[BLOCK_SIZE];
	uint64_t block = first + random_below(&t->random, blocks);
	struct node_disk *node = (struct node_disk *)(void *)bytes;
	unsigned changes = 1 + (unsigned)random_below(&t->random, 3);

	backend_peek(&t->b, block * BLOCK_SIZE, bytes, sizeof(bytes));
	while (changes-- > 0) {
		/* mostly the header, the table and the first slots, where it counts */
		unsigned at =
		    (unsigned)(32 + random_below(&t->random, random_below(&t->random, 3) ? 288 : 4064));

		bytes[at] = (uint8_t)(random_below(&t->random, 2) ? random_next(&t->random)
								  : bytes[at] + 1 - 2 * (at & 1));
	}
	node->head.checksum = le64_of(block_checksum(seed, bytes));
	backend_poke(&t->b, block * BLOCK_SIZE, bytes, sizeof(bytes));
}

static void hostile_nodes(void **state)
{
	static struct trial trial;
	struct trial *t = &trial;
	struct image_options options = {.no_syncer = true};
	uint64_t first, nodes, hash_seed;
	const struct roots_disk *roots;
	unsigned refused = 0, rounds = 150;
	uint8_t *whole;
	size_t size;

	(void)state;
	memset(t, 0, sizeof(*t));
	t->random.state = 77;
	backend_make(&t->b, 1u << 20);
	backend_open(&t->b, RECOVER_AUTO);
	for (unsigned i = 0; i < 300; i++)
		random_transaction(t, 9);
	first = t->b.image->zone_first;
	hash_seed = t->b.image->hash_seed;
	image_read_lock(t->b.image);
	assert_int_equal(image_block(t->b.image, first + 1, MAGIC_ROOTS, (const void **)&roots), 0);
	nodes = le64_get(roots->meta_blocks);
	image_read_unlock(t->b.image);
	backend_close(&t->b);
	size = (first + 2 + nodes) * BLOCK_SIZE;
	whole = malloc(size);
	assert_non_null(whole);
	backend_peek(&t->b, 0, whole, size);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned seen = 0;
		int result;

		damage(t, hash_seed, first, 2 + nodes);
		result = backend_try(&t->b, &options);
		if (result == 0) {
			image_read_lock(t->b.image);
			result =
			    tree_scan(t->b.image, TREE, (struct key){0},
				      (struct key){UINT64_MAX, UINT8_MAX, UINT64_MAX}, count_visit, &seen);
			image_read_unlock(t->b.image);
			use_tree(t);
			backend_kill(&t->b);
		}
		assert_true(result == 0 || result == -EUCLEAN);
		refused += result != 0;
		backend_poke(&t->b, 0, whole, size);
	}
	/* not all damage matters: item bytes and unused room are free to be anything */
	assert_true(refused > rounds / 4);
	free(whole);
	backend_remove(&t->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_against_model),
	    cmocka_unit_test(random_without_order),
	    cmocka_unit_test(ascending),
	    cmocka_unit_test(hostile_nodes),
	};

	/* a disk's syncs would take most of the time */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
