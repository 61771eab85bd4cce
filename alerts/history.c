/*
 * history.c - rows of the journal that people were told, again.
 */
#include "alerts/history.h"

#include "alerts/journal_read.h"

struct page {
    json_t *rows;
    size_t bytes;
    unsigned limit, audiences;
    uint64_t next; /* looked at up to here */
    bool failed;
};

static bool
take_row(void *ctx, const struct journal_row *row)
{
    struct page *page = ctx;

    if ((row->audiences & page->audiences) == 0) {
        page->next = row->seq;
        return true;
    }
    /* The first one always: a page that says nothing would be asked for again and again. */
    if (json_array_size(page->rows) > 0 &&
        (page->bytes + row->body_bytes > HISTORY_PAGE_BYTES ||
         (page->limit > 0 && json_array_size(page->rows) >= page->limit)))
        return false;
    json_t *object = json_parse_object(row->body, row->body_bytes, NULL, 0);
    if (object == NULL || json_object_set_new(object, "hash", json_string(row->hash)) != 0 ||
        json_array_append_new(page->rows, object) != 0) {
        page->failed = true;
        return false;
    }
    page->bytes += row->body_bytes + 80;
    page->next = row->seq;
    return true;
}

enum err_code
history_page(const char *state_dir, uint64_t since, unsigned limit, unsigned audiences,
             json_t **out_page, struct err *err)
{
    struct page page = {
        .rows = json_array(), .limit = limit, .audiences = audiences, .next = since};
    struct journal_reader *reader = NULL;
    uint64_t head = 0, oldest = 0, last;
    char hash[DIGEST_HEX];
    enum err_code code = page.rows == NULL ? err_set(err, ERR_NOMEM, "history") : ERR_OK;

    if (code == ERR_OK)
        code = journal_reader_open(state_dir, &reader, err);
    if (code == ERR_OK)
        code = journal_reader_head(reader, &head, hash, &oldest, err);
    if (code == ERR_OK)
        code = journal_reader_rows(reader, since, JOURNAL_READ_MAX, take_row, &page, &last, err);
    journal_reader_close(reader);
    if (code == ERR_OK && page.failed)
        code = err_set(err, ERR_NOMEM, "history: row %llu", (unsigned long long)page.next + 1);
    if (code != ERR_OK) {
        json_decref(page.rows);
        return code;
    }
    *out_page = json_pack("{s:b, s:I, s:I, s:o}", "more", page.next < head, "next",
                          (json_int_t)page.next, "oldest", (json_int_t)oldest, "rows", page.rows);
    return *out_page != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "history");
}
