/*
 * Sums by stack: the loop of `pvprof fold` over the plain records of a text.
 *
 * A text is paragraphs between blank lines. A plain one is frames, leaf first, and one line of
 * values; in some layouts a line with a key comes first:
 *
 *     turnstile|vm object            key
 *     kernel`turnstile_wait+0x332    frames
 *     kernel`trap+0x1f3
 *                        1533 2      value, or value and count
 *
 * In pvprof's own grammar each record begins with a mark instead of a blank line, and so do values:
 *
 *     > turnstile name=9:vm object   key
 *     kernel`turnstile_wait+0x332    frames
 *     = 1533 2                       value, or value and count
 *
 * What is not certainly such a record is left to Python (pvprof/parse/dtrace/sums and
 * pvprof/parse/native, which can also do all of this without this file, more slowly). Nothing here
 * knows what a frame is: Python is asked once for each distinct line, and returns its name, or says
 * that the line is not plain.
 *
 *     text -> recent heads -------------------------------> cell of (group, frames): sums
 *                 | a head that was not seen lately           ^
 *                 +-> lines -> numbers of frames -> stacks ---+
 *
 * Only the limited API of Python 3.11 is used, so that one file serves all later versions. While
 * records are read, other threads run.
 */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX /* no entry; as the meaning of a line: not plain */
#define MAX_ENTRIES (UINT32_MAX - 1)
#define MAX_HEAD_BYTES (1u << 20)
#define MAX_DEPTH 20000u
#define MAX_ODD_LINES 65536u /* that are remembered */
#define MAX_DIGITS 18
#define MAX_COUNT_DIGITS 15 /* a longer one may be a column of its own */
#define MAX_BLANKS_AFTER 20
#define MAX_NUMBER_BYTES 24 /* with a blank and a newline */
#define MARK_BYTES 2
#define RECENT_HEADS 8192u /* a power of two */
#define MAX_RECENT_BYTES 4096u

/* ------------------------------------------------------------------- byte strings by number */

typedef struct {
    uint64_t hash;
    size_t start;
    uint32_t size, meaning;
} Entry;

/* Distinct byte strings, numbered in order of arrival. */
typedef struct {
    char *bytes;
    Entry *entries;
    uint32_t *slots; /* numbers of entries, or NONE */
    size_t used, byte_room, entry_room, slot_count; /* slots: a power of two */
    uint32_t count;
} Table;

static uint64_t mixed(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t hash = (a ^ (b << 32 | b >> 32)) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ (hash >> 29)) * UINT64_C(0xBF58476D1CE4E5B9);
    return hash ^ (hash >> 32);
#endif
}

/* The seed is secret, so that no file can be made whose lines all have one hash. */
static uint64_t hash_of(const uint64_t seed[2], const char *bytes, size_t size) {
    uint64_t hash = seed[0] ^ size, first, second;
    for (; size >= 16; bytes += 16, size -= 16) {
        memcpy(&first, bytes, 8);
        memcpy(&second, bytes + 8, 8);
        hash = mixed(first ^ seed[1], second ^ hash);
    }
    first = second = 0;
    memcpy(&first, bytes, size < 8 ? size : 8);
    if (size > 8)
        memcpy(&second, bytes + 8, size - 8);
    return mixed(mixed(first ^ seed[1], second ^ hash), seed[0]);
}

/* Make room for `needed` items. Returns -1 if there is no memory; the array is as before then. */
static int reserve(void *array, size_t *room, size_t needed, size_t item_size) {
    if (needed <= *room)
        return 0;
    size_t wanted = needed + needed / 2 + 64;
    if (wanted < needed || wanted > SIZE_MAX / item_size)
        return -1;
    void *items;
    memcpy(&items, array, sizeof items); /* whatever they point to */
    items = realloc(items, wanted * item_size);
    if (items == NULL)
        return -1;
    memcpy(array, &items, sizeof items);
    *room = wanted;
    return 0;
}

static void table_clear(Table *table) {
    free(table->bytes);
    free(table->entries);
    free(table->slots);
    *table = (Table){0};
}

static uint32_t table_find(const Table *table, uint64_t hash, const char *bytes, size_t size) {
    size_t mask = table->slot_count - 1, slot = hash & mask;
    for (; table->slot_count && table->slots[slot] != NONE; slot = (slot + 1) & mask) {
        const Entry *entry = &table->entries[table->slots[slot]];
        if (entry->hash == hash && entry->size == size &&
            memcmp(table->bytes + entry->start, bytes, size) == 0)
            return table->slots[slot];
    }
    return NONE;
}

static void table_place(uint32_t *slots, size_t slot_count, uint64_t hash, uint32_t number) {
    size_t slot = hash & (slot_count - 1);
    while (slots[slot] != NONE)
        slot = (slot + 1) & (slot_count - 1);
    slots[slot] = number;
}

static int table_double_slots(Table *table) {
    size_t count = table->slot_count ? table->slot_count * 2 : 1024;
    uint32_t *slots = malloc(count * sizeof *slots);
    if (slots == NULL)
        return -1;
    memset(slots, 0xff, count * sizeof *slots); /* NONE */
    for (uint32_t number = 0; number < table->count; number++)
        table_place(slots, count, table->entries[number].hash, number);
    free(table->slots);
    table->slots = slots;
    table->slot_count = count;
    return 0;
}

/* Add a string that is not in the table. Returns its number, or NONE if there is no memory. */
static uint32_t table_add(Table *table, uint64_t hash, const char *bytes, size_t size,
                          uint32_t meaning) {
    if (table->count >= MAX_ENTRIES || size > UINT32_MAX ||
        reserve(&table->bytes, &table->byte_room, table->used + size + 1, 1) < 0 ||
        reserve(&table->entries, &table->entry_room, table->count + (size_t)1, sizeof(Entry)) < 0)
        return NONE;
    if (table->count >= table->slot_count / 4 * 3 && table_double_slots(table) < 0)
        return NONE;
    memcpy(table->bytes + table->used, bytes, size);
    table->entries[table->count] = (Entry){hash, table->used, (uint32_t)size, meaning};
    table->used += size;
    table_place(table->slots, table->slot_count, hash, table->count);
    return table->count++;
}

/* ------------------------------------------------------------------------------- the records */

typedef struct {
    uint64_t value, count, records;
} Cell;

typedef struct {
    uint64_t hash;
    char *bytes;
    size_t room;
    uint32_t size, cell;
} Recent;

typedef struct {
    PyObject_HEAD
    PyObject *frame_of, *group_of;
    PyThreadState *waiting; /* while records are read */
    uint64_t seed[2];
    int key_first, is_marked, is_busy; /* marked: "> " before each key, "= " before values */
    uint32_t odd_lines;
    Table lines;  /* meaning: number of the frame, or NONE */
    Table frames; /* in UTF-8 */
    Table keys;   /* meaning: number of the group, or NONE */
    Table stacks; /* the group, then the frames, root first: each a uint32_t */
    Cell *cells;  /* of `stacks` */
    uint32_t *ids; /* the stack that is being read */
    size_t *starts; /* offsets of the lines of a paragraph, and one after its last line */
    size_t cell_room, id_room, start_room, line_count;
    Recent recent[RECENT_HEADS];
} StackSums;

typedef enum { TAKEN, ODD_VALUES, ODD_RECORD, NO_MEMORY, RAISED } Outcome;

/* Call Python with a line. Returns NULL if it raised an exception. */
static PyObject *ask(StackSums *self, PyObject *function, const char *line, size_t size) {
    PyEval_RestoreThread(self->waiting);
    return PyObject_CallFunction(function, "y#", line, (Py_ssize_t)size);
}

static Outcome after_asking(StackSums *self, PyObject *answer, Outcome outcome) {
    Py_XDECREF(answer);
    self->waiting = PyEval_SaveThread();
    return outcome;
}

/* Find the number of a frame by its name, or give it one. */
static Outcome number_frame(StackSums *self, PyObject *name, uint32_t *frame) {
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(name, &size);
    if (text == NULL)
        return RAISED;
    uint64_t hash = hash_of(self->seed, text, (size_t)size);
    *frame = table_find(&self->frames, hash, text, (size_t)size);
    if (*frame == NONE)
        *frame = table_add(&self->frames, hash, text, (size_t)size, 0);
    return *frame == NONE ? NO_MEMORY : TAKEN;
}

static Outcome frame_of_line(StackSums *self, const char *line, size_t size, uint32_t *frame) {
    uint64_t hash = hash_of(self->seed, line, size);
    uint32_t known = table_find(&self->lines, hash, line, size);
    if (known != NONE) {
        *frame = self->lines.entries[known].meaning;
        return *frame == NONE ? ODD_RECORD : TAKEN;
    }
    PyObject *name = ask(self, self->frame_of, line, size);
    Outcome outcome = name == NULL ? RAISED : ODD_RECORD;
    *frame = NONE;
    if (name != NULL && name != Py_None)
        outcome = number_frame(self, name, frame);
    after_asking(self, name, outcome);
    if (outcome == ODD_RECORD && self->odd_lines++ >= MAX_ODD_LINES)
        return outcome;
    if (outcome <= ODD_RECORD && table_add(&self->lines, hash, line, size, *frame) == NONE)
        return NO_MEMORY;
    return outcome;
}

static Outcome group_of_key(StackSums *self, const char *text, size_t size, uint32_t *group) {
    uint64_t hash = hash_of(self->seed, text, size);
    uint32_t key = table_find(&self->keys, hash, text, size);
    if (key == NONE) {
        PyObject *answer = ask(self, self->group_of, text, size);
        unsigned long number = NONE;
        if (answer != NULL && answer != Py_None)
            number = PyLong_AsUnsignedLong(answer);
        int is_wrong = answer == NULL || PyErr_Occurred() != NULL;
        after_asking(self, answer, RAISED);
        if (is_wrong)
            return RAISED;
        key = table_add(&self->keys, hash, text, size, number < NONE ? (uint32_t)number : NONE);
        if (key == NONE)
            return NO_MEMORY;
    }
    *group = self->keys.entries[key].meaning;
    return *group == NONE ? ODD_RECORD : TAKEN;
}

/* Find the cell of the group and frames in `ids`, or make one. */
static uint32_t cell_of_ids(StackSums *self, size_t count) {
    const char *bytes = (const char *)self->ids;
    size_t size = count * sizeof *self->ids;
    uint64_t hash = hash_of(self->seed, bytes, size);
    uint32_t cell = table_find(&self->stacks, hash, bytes, size);
    if (cell != NONE ||
        reserve(&self->cells, &self->cell_room, self->stacks.count + (size_t)1, sizeof(Cell)) < 0)
        return cell;
    cell = table_add(&self->stacks, hash, bytes, size, 0);
    if (cell != NONE)
        self->cells[cell] = (Cell){0};
    return cell;
}

/* Read the first `count` lines of the paragraph, which are a head, from the last one (the root). */
static Outcome read_lines(StackSums *self, const char *text, size_t count, uint32_t *cell) {
    const size_t *starts = self->starts;
    size_t first = !self->is_marked && starts[1] - starts[0] == 1; /* an empty line */
    size_t key = first;
    if (self->key_first)
        first++;
    if (first >= count || count - first > MAX_DEPTH)
        return ODD_RECORD;
    if (reserve(&self->ids, &self->id_room, count - first + 1, sizeof *self->ids) < 0)
        return NO_MEMORY;
    size_t key_size = self->key_first ? starts[key + 1] - starts[key] - 1 : 0;
    Outcome outcome = group_of_key(self, text + starts[key], key_size, &self->ids[0]);
    for (size_t line = count, place = 1; outcome == TAKEN && line-- > first; place++)
        outcome = frame_of_line(self, text + starts[line], starts[line + 1] - starts[line] - 1,
                                &self->ids[place]);
    if (outcome != TAKEN)
        return outcome;
    *cell = cell_of_ids(self, count - first + 1);
    return *cell == NONE ? NO_MEMORY : TAKEN;
}

/* Remember a head in place of another one; without memory it is not remembered. */
static void remember(Recent *recent, uint64_t hash, const char *head, size_t size, uint32_t cell) {
    if (size > MAX_RECENT_BYTES || reserve(&recent->bytes, &recent->room, size, 1) < 0)
        return;
    memcpy(recent->bytes, head, size);
    recent->hash = hash;
    recent->size = (uint32_t)size;
    recent->cell = cell;
}

/* Add a record whose head is the first `count` lines of the paragraph. */
static Outcome add_record(StackSums *self, const char *text, size_t count, const uint64_t values[2]) {
    const char *head = text + self->starts[0];
    size_t size = self->starts[count] - self->starts[0] - 1;
    if (size == 0 || size > MAX_HEAD_BYTES)
        return ODD_RECORD;
    uint64_t hash = hash_of(self->seed, head, size);
    Recent *recent = &self->recent[hash & (RECENT_HEADS - 1)];
    uint32_t number;
    if (recent->size == size && recent->hash == hash && memcmp(recent->bytes, head, size) == 0) {
        number = recent->cell;
    } else {
        Outcome outcome = read_lines(self, text, count, &number);
        if (outcome != TAKEN)
            return outcome;
        remember(recent, hash, head, size, number);
    }
    Cell *cell = &self->cells[number];
    if (values[0] > UINT64_MAX - cell->value || values[1] > UINT64_MAX - cell->count)
        return ODD_RECORD; /* Python's numbers have no limit */
    cell->value += values[0];
    cell->count += values[1];
    cell->records++;
    return TAKEN;
}

/* Read 1 to `max_digits` digits. Returns the byte after them, or NULL. */
static const char *read_number(const char *at, const char *end, int max_digits, uint64_t *number) {
    const char *first = at;
    for (*number = 0; at < end && *at >= '0' && *at <= '9'; at++) {
        if (at - first == max_digits)
            return NULL;
        *number = *number * 10 + (uint64_t)(*at - '0');
    }
    return at == first ? NULL : at;
}

static int has_mark(const char *at, const char *end, char mark) {
    return end - at >= MARK_BYTES && at[0] == mark && at[1] == ' ';
}

/* Read a line of `width` numbers; tell whether it is plain. */
static int read_values(const StackSums *self, const char *at, const char *end, int width,
                       uint64_t values[2]) {
    values[1] = 0;
    if (self->is_marked)
        at = has_mark(at, end, '=') ? at + MARK_BYTES : end;
    while (!self->is_marked && at < end && (*at == ' ' || *at == '\t'))
        at++;
    at = read_number(at, end, MAX_DIGITS, &values[0]);
    if (at != NULL && width == 2)
        at = at < end && *at == ' ' ? read_number(at + 1, end, MAX_COUNT_DIGITS, &values[1]) : NULL;
    if (at == NULL || end - at > (self->is_marked ? 0 : MAX_BLANKS_AFTER))
        return 0;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at == end;
}

/* Tell whether a paragraph ends before the line at an offset. */
static int is_end(const StackSums *self, const char *text, size_t at, size_t end) {
    return at < end &&
           (self->is_marked ? has_mark(text + at, text + end, '>') : text[at] == '\n');
}

/* Find the lines of the paragraph at an offset, behind its mark, and its end. */
static Outcome split_paragraph(StackSums *self, const char *text, size_t at, size_t end, size_t *stop) {
    for (self->line_count = 0;;) {
        if (self->line_count > MAX_DEPTH)
            return ODD_VALUES;
        if (reserve(&self->starts, &self->start_room, self->line_count + 2, sizeof(size_t)) < 0)
            return NO_MEMORY;
        self->starts[self->line_count++] = at;
        const char *newline = memchr(text + at, '\n', end - at);
        *stop = newline == NULL ? end : (size_t)(newline - text);
        self->starts[self->line_count] = at = *stop + 1;
        if (newline == NULL || is_end(self, text, at, end))
            return TAKEN;
    }
}

/* Read paragraphs from `*at` on, up to one that is not plain: it begins at `*at` then. */
static Outcome read_paragraphs(StackSums *self, const char *text, size_t *at, size_t end, int width) {
    size_t mark = self->is_marked ? MARK_BYTES : 0, gap = self->is_marked ? 1 : 2;
    while (*at < end) {
        size_t stop, lines;
        if (self->is_marked && !has_mark(text + *at, text + end, '>'))
            return ODD_RECORD;
        Outcome outcome = split_paragraph(self, text, *at + mark, end, &stop);
        if (outcome != TAKEN)
            return outcome;
        lines = self->line_count - 1; /* before the values */
        if (stop > *at) {
            uint64_t values[2];
            if (lines == 0 || !read_values(self, text + self->starts[lines], text + stop, width, values))
                return ODD_VALUES;
            outcome = add_record(self, text, lines, values);
            if (outcome != TAKEN)
                return outcome;
        }
        *at = end - stop > gap ? stop + gap : end;
    }
    return TAKEN;
}

/* -------------------------------------------------------------------------- what Python calls */

static int begin(StackSums *self) {
    if (self->is_busy) {
        PyErr_SetString(PyExc_RuntimeError, "in use");
        return -1;
    }
    self->is_busy = 1;
    self->waiting = PyEval_SaveThread();
    return 0;
}

/* Returns -1, with an exception, if the outcome is a failure. */
static int end(StackSums *self, Outcome outcome) {
    PyEval_RestoreThread(self->waiting);
    self->is_busy = 0;
    if (outcome == NO_MEMORY)
        PyErr_NoMemory();
    return outcome >= NO_MEMORY ? -1 : 0;
}

static PyObject *sums_read(PyObject *object, PyObject *args) {
    StackSums *self = (StackSums *)object;
    Py_buffer text;
    Py_ssize_t start, stop;
    int width;
    if (!PyArg_ParseTuple(args, "y*nni", &text, &start, &stop, &width))
        return NULL;
    if (start < 0 || stop < start || stop > text.len || width < 1 || width > 2) {
        PyErr_SetString(PyExc_ValueError, "outside of the text");
    } else if (begin(self) == 0) {
        size_t at = (size_t)start;
        Outcome outcome = read_paragraphs(self, text.buf, &at, (size_t)stop, width);
        start = end(self, outcome) < 0 ? -1 : (Py_ssize_t)at;
        stop = outcome == ODD_RECORD;
    }
    PyBuffer_Release(&text);
    return PyErr_Occurred() ? NULL : Py_BuildValue("nO", start, stop ? Py_True : Py_False);
}

static PyObject *sums_add(PyObject *object, PyObject *args) {
    StackSums *self = (StackSums *)object;
    const char *head;
    Py_ssize_t size;
    unsigned long long value, count;
    if (!PyArg_ParseTuple(args, "y#KK", &head, &size, &value, &count) || begin(self) < 0)
        return NULL;
    size_t stop;
    Outcome outcome = split_paragraph(self, head, 0, (size_t)size, &stop);
    if (outcome == TAKEN)
        outcome = stop < (size_t)size
                      ? ODD_RECORD
                      : add_record(self, head, self->line_count, (uint64_t[2]){value, count});
    return end(self, outcome) < 0 ? NULL : PyBool_FromLong(outcome == TAKEN);
}

static void forget(StackSums *self) {
    table_clear(&self->lines);
    table_clear(&self->frames);
    table_clear(&self->keys);
    table_clear(&self->stacks);
    free(self->cells);
    free(self->ids);
    free(self->starts);
    self->cells = NULL;
    self->ids = NULL;
    self->starts = NULL;
    self->cell_room = self->id_room = self->start_room = 0;
    self->odd_lines = 0;
    for (size_t place = 0; place < RECENT_HEADS; place++)
        free(self->recent[place].bytes);
    memset(self->recent, 0, sizeof self->recent);
}

static PyObject *bytes_of(const void *items, size_t count, size_t item_size) {
    return PyBytes_FromStringAndSize(items, (Py_ssize_t)(count * item_size));
}

static PyObject *frame_names(const StackSums *self) {
    PyObject *names = PyList_New((Py_ssize_t)self->frames.count);
    for (uint32_t number = 0; names != NULL && number < self->frames.count; number++) {
        const Entry *name = &self->frames.entries[number];
        PyObject *text =
            PyUnicode_DecodeUTF8(self->frames.bytes + name->start, (Py_ssize_t)name->size, NULL);
        if (text == NULL)
            Py_CLEAR(names);
        else
            PyList_SetItem(names, (Py_ssize_t)number, text);
    }
    return names;
}

static PyObject *sums_take(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    StackSums *self = (StackSums *)object;
    if (self->is_busy)
        return PyErr_Format(PyExc_RuntimeError, "in use");
    size_t count = self->stacks.count;
    uint32_t *sizes = malloc((count + 1) * sizeof *sizes);
    if (sizes == NULL)
        return PyErr_NoMemory();
    for (size_t number = 0; number < count; number++)
        sizes[number] = self->stacks.entries[number].size / (uint32_t)sizeof(uint32_t);
    PyObject *taken = Py_BuildValue("(NNNN)", frame_names(self), bytes_of(sizes, count, sizeof *sizes),
                                    bytes_of(self->stacks.bytes, self->stacks.used, 1),
                                    bytes_of(self->cells, count, sizeof(Cell)));
    free(sizes);
    if (taken != NULL)
        forget(self);
    return taken;
}

static PyObject *sums_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords)) {
    PyObject *frame_of, *group_of;
    int key_first, is_marked;
    unsigned long long first, second;
    if (!PyArg_ParseTuple(args, "OOpp(KK)", &frame_of, &group_of, &key_first, &is_marked, &first,
                          &second))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    StackSums *self = (StackSums *)allocate(type, 0); /* all zero */
    if (self == NULL)
        return NULL;
    self->frame_of = Py_NewRef(frame_of);
    self->group_of = Py_NewRef(group_of);
    self->key_first = key_first;
    self->is_marked = is_marked;
    self->seed[0] = first | 1;
    self->seed[1] = second | 1;
    return (PyObject *)self;
}

static void sums_dealloc(PyObject *object) {
    StackSums *self = (StackSums *)object;
    PyTypeObject *type = Py_TYPE(object);
    forget(self);
    Py_CLEAR(self->frame_of);
    Py_CLEAR(self->group_of);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* --------------------------------------------------------------------------- sorted lines */

/* A name at one of two places: more frames follow, or it is the last of its stack. */
typedef struct {
    const char *text;
    size_t size;
    int after; /* ';', or -1 for the end, which is before any byte */
    uint32_t place;
} Name;

typedef struct {
    const uint32_t *ranks; /* of its frames, as strings with what is after them */
    size_t depth;
    long long sum;
} Row;

static int compare_names(const void *left, const void *right) {
    const Name *a = left, *b = right;
    size_t size = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->text, b->text, size);
    if (order != 0)
        return order;
    int next_a = a->size > size ? (unsigned char)a->text[size] : a->after;
    int next_b = b->size > size ? (unsigned char)b->text[size] : b->after;
    return next_a - next_b;
}

static int compare_rows(const void *left, const void *right) {
    const Row *a = left, *b = right;
    for (size_t place = 0; place < a->depth && place < b->depth; place++)
        if (a->ranks[place] != b->ranks[place])
            return a->ranks[place] < b->ranks[place] ? -1 : 1;
    return (a->depth > b->depth) - (a->depth < b->depth);
}

/* Set the texts of names, and their ranks: two for each name, that of its end second. */
static int rank_names(PyObject *list, Name *names, uint32_t *ranks, size_t count) {
    for (size_t place = 0; place < 2 * count; place++) {
        Py_ssize_t size;
        PyObject *name = PyList_GetItem(list, (Py_ssize_t)(place / 2));
        const char *text = name == NULL ? NULL : PyUnicode_AsUTF8AndSize(name, &size);
        if (text == NULL)
            return -1;
        names[place] = (Name){text, (size_t)size, place % 2 ? -1 : ';', (uint32_t)place};
    }
    qsort(names, 2 * count, sizeof *names, compare_names);
    for (size_t rank = 0; rank < 2 * count; rank++)
        ranks[names[rank].place] = (uint32_t)rank;
    return 0;
}

/* Set the rows, in order. Returns the size of their lines, or -1 if an index is out of bounds. */
static Py_ssize_t sort_rows(const Name *names, const uint32_t *ranks, size_t name_count,
                            const Py_buffer columns[3], Row *rows, uint32_t *keys) {
    const uint32_t *frames = columns[0].buf;
    const int64_t *ends = columns[1].buf, *sums = columns[2].buf;
    size_t count = (size_t)columns[2].len / sizeof *sums, start = 0, size = 0;
    for (size_t number = 0; number < count; number++) {
        if (ends[number] <= (int64_t)start || ends[number] > columns[0].len / 4)
            return -1;
        size_t end = (size_t)ends[number];
        rows[number] = (Row){keys + start, end - start, sums[number]};
        for (; start < end; start++) {
            if (frames[start] >= name_count)
                return -1;
            keys[start] = ranks[2 * (size_t)frames[start] + (start + 1 == end)];
            size += names[keys[start]].size + 1;
        }
        size += MAX_NUMBER_BYTES;
    }
    qsort(rows, count, sizeof *rows, compare_rows);
    return size > PY_SSIZE_T_MAX ? -1 : (Py_ssize_t)size;
}

static PyObject *lines_of(const Name *names, const Row *rows, size_t count, size_t size) {
    char *text = malloc(size + 1), *at = text;
    if (text == NULL)
        return PyErr_NoMemory();
    for (const Row *row = rows; row < rows + count; row++) {
        for (size_t place = 0; place < row->depth; place++) {
            const Name *name = &names[row->ranks[place]];
            memcpy(at, name->text, name->size);
            at += name->size;
            *at++ = ';';
        }
        at += PyOS_snprintf(at - 1, MAX_NUMBER_BYTES, " %lld\n", row->sum) - 1;
    }
    PyObject *lines = PyUnicode_DecodeUTF8(text, at - text, NULL);
    free(text);
    return lines;
}

static PyObject *folded_lines(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *list, *lines = NULL;
    Py_buffer columns[3];
    if (!PyArg_ParseTuple(args, "Oy*y*y*", &list, &columns[0], &columns[1], &columns[2]))
        return NULL;
    size_t name_count = (size_t)PyList_Size(list), count = (size_t)columns[2].len / sizeof(int64_t);
    if (!PyErr_Occurred() && (name_count > INT32_MAX || columns[1].len != columns[2].len))
        PyErr_SetString(PyExc_ValueError, "columns do not fit");
    if (!PyErr_Occurred()) {
        Name *names = malloc((2 * name_count + 1) * sizeof *names);
        uint32_t *ranks = malloc((2 * name_count + 1) * sizeof *ranks);
        Row *rows = malloc((count + 1) * sizeof *rows);
        uint32_t *keys = malloc((size_t)columns[0].len + 1);
        if (names == NULL || ranks == NULL || rows == NULL || keys == NULL) {
            PyErr_NoMemory();
        } else if (rank_names(list, names, ranks, name_count) == 0) {
            Py_ssize_t size = sort_rows(names, ranks, name_count, columns, rows, keys);
            if (size < 0)
                PyErr_SetString(PyExc_ValueError, "an index is out of bounds");
            else
                lines = lines_of(names, rows, count, (size_t)size);
        }
        free(names);
        free(ranks);
        free(rows);
        free(keys);
    }
    for (int column = 0; column < 3; column++)
        PyBuffer_Release(&columns[column]);
    return lines;
}

static PyMethodDef methods[] = {
    {"read", sums_read, METH_VARARGS, "Add plain records; see stack_sums.pyi."},
    {"add", sums_add, METH_VARARGS, "Add one record."},
    {"take", sums_take, METH_NOARGS, "Return all sums, and forget them."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Sums by group and stack."},
    {Py_tp_new, sums_new},
    {Py_tp_dealloc, sums_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "pvprof.model.core.stack_sums.StackSums",
    .basicsize = sizeof(StackSums),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

static int execute(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    int status = type == NULL ? -1 : PyModule_AddObjectRef(module, "StackSums", type);
    Py_XDECREF(type);
    return status;
}

static PyMethodDef functions[] = {
    {"folded_lines", folded_lines, METH_VARARGS, "Return sorted lines of folded stacks."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "stack_sums",
    .m_doc = "Sums by stack, compiled.",
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit_stack_sums(void) { return PyModuleDef_Init(&module); }
