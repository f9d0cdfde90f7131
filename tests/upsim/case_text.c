/*
 * Sections of sentences, drawn from one list without drawing one again before all have had their
 * turn. What is between the words comes from the seed:
 *
 *     %p a person   %s a surname   %o an organisation   %n a number   %m money   %q a month
 */
#include "upsim/case_text.h"

#include <stdlib.h>
#include <string.h>

#include "upsim/dice.h"

enum {
    PEOPLE = 6,
    ORGANISATIONS = 3,
    SECTION_SENTENCES = 21,
    PARAGRAPH_SENTENCES = 7,
};

static const char *const first_names[] = {
    "Adele",  "Anil",   "Beatriz", "Bernard", "Camille", "Cedric",  "Daphne", "Dmitri",
    "Edith",  "Emeka",  "Fatima",  "Florian", "Gemma",   "Gustavo", "Hanna",  "Hideo",
    "Ingrid", "Ivan",   "Jasmin",  "Joaquin", "Kamala",  "Klaus",   "Leila",  "Lorenzo",
    "Maren",  "Mateus", "Nadia",   "Nigel",   "Olga",    "Omar",    "Petra",  "Quentin",
};
static const char *const surnames[] = {
    "Abernathy",  "Balogun",    "Castellano", "Dahlgren",  "Eberhardt",  "Fontaine",  "Greenhalgh",
    "Hosseini",   "Ivanova",    "Jaramillo",  "Kowalski",  "Lindholm",   "Mukherjee", "Nakagawa",
    "Ogilvie",    "Pellegrini", "Quintero",   "Rasmussen", "Sandoval",   "Thackeray", "Ueland",
    "Vandermeer", "Whitcombe",  "Yamashita",  "Zielinski", "Brightwell", "Cardoso",   "Driscoll",
    "Escobedo",   "Farquhar",   "Gallagher",  "Hartmann",
};
static const char *const firm_words[] = {
    "Alder", "Beacon",  "Cobalt",  "Delta", "Ember",    "Fjord",     "Granite", "Harbor",
    "Iris",  "Juniper", "Kestrel", "Larch", "Meridian", "Northgate", "Onyx",    "Pinnacle",
};
static const char *const firm_kinds[] = {"Foods Inc.",   "Logistics Ltd.", "Holdings",   "Bank",
                                         "Technologies", "Partners",       "Industries", "Group"};
static const char *const roles[PEOPLE] = {
    "the chief executive",    "the chief financial officer",
    "the head of operations", "the marketing director",
    "a plant manager",        "the chair of the board",
};
static const char *const months[] = {"January", "March", "April", "June", "September", "November"};
static const char *const headings[] = {"The Company", "The Crisis",  "The People",
                                       "The Figures", "The Options", "The Decision"};

static const char *const sentences[] = {
    "In %q the order book of %o fell by %n percent within a week, and nobody in the office could "
    "say whether it would come back.",
    "%p had warned of this in a memorandum of %n pages, which was read by two people and answered "
    "by none.",
    "The loan of %m that %o had granted would fall due in %q, and its covenant left no room for a "
    "second bad quarter.",
    "“We can wait until the numbers are clear,” said %p, “or we can be the reason why they become "
    "clear.”",
    "%p asked for the figures of the last %n months and was given those of the last two.",
    "Costs had risen by %n percent, of which energy explained one third and the new warehouse "
    "most of the rest.",
    "Of %n customers who were asked, nearly half could not name a single thing that set the "
    "company apart from %o.",
    "%s, who had come from a competitor, thought that the margin was hidden in the contracts and "
    "not in the factory.",
    "The union had agreed to a pause of %n weeks on the condition that %p put every promise in "
    "writing.",
    "A consultant’s report, paid for with %m, recommended what %p had proposed the year before.",
    "There were %n people on the night shift, and each of them had heard a different story about "
    "the sale.",
    "When %p and %p met in the corridor they spoke of the weather, which had been fine for weeks.",
    "%o offered to buy the plant for %m, a price that would have been an insult in any other "
    "%q.",
    "The auditors had found nothing wrong, %s remarked, because nobody had shown them where to "
    "look.",
    "Every delivery that came late cost about %m, and %n of them had come late since %q.",
    "%p believed that the brand could bear a price that was %n percent higher; %p did not.",
    "It was %s who first drew the curve on the whiteboard and then left the room without a word.",
    "The software that had been bought for %m was in use in one department, by three persons, on "
    "Mondays.",
    "If the plan failed, %o would take the stock, the trucks and the name, in this order.",
    "%p had promised the board an answer by the end of %q, and had meant it at the time.",
    "Suppliers were paid after %n days where sixty had been agreed, and two of them had begun to "
    "ask for cash.",
    "A survey among the staff showed that trust in the management had fallen to %n percent, the "
    "lowest since it was first measured.",
    "“Tell me what you would cut,” said %p, “and then tell me who is going to explain it to "
    "them.”",
    "%s answered that growth without cash was a way of going bankrupt in good company.",
    "The second option was slower, cost %m more, and kept all %n jobs for at least two years.",
    "Nobody at %o had expected the regulator to act before %q, and so nobody had prepared for it.",
    "%p kept a list of the things that had gone wrong, and it was longer than the business plan.",
    "What the table did not show was that %n percent of the returns came from one single line.",
    "A pilot in two regions had brought in %m, but it had been run by the best people on the "
    "best routes.",
    "%p and %s disagreed about the cause, about the remedy, and about who had said what in %q.",
    "The board would meet in %n days, and its chair had made it known that silence would be taken "
    "for consent.",
    "In the end, said %p, it came down to whether one trusted %o or the forecast, and there was "
    "little to be said for either.",
    "With %m in the bank and a payroll that took a quarter of it each month, time was the one "
    "thing that could not be bought.",
    "%s proposed to ask the customers, which everybody welcomed and nobody had budgeted for.",
    "The largest account, %o, had given notice that it would look elsewhere unless prices fell by "
    "%n percent.",
    "It had taken %n years to build the network and, as %p put it, one afternoon to doubt it.",
};

enum { SENTENCES = sizeof(sentences) / sizeof(sentences[0]) };

struct teller {
    struct dice dice;
    struct buffer *out;
    struct {
        const char *first, *last;
    } people[PEOPLE];
    struct {
        const char *word, *kind;
    } firms[ORGANISATIONS];
    unsigned char order[SENTENCES];
    size_t told;
};

static void tell(struct teller *teller, const char *text)
{
    if (buffer_puts(teller->out, text))
        abort(); /* the caller's maximum is above any case */
}

static void tell_number(struct teller *teller, uint64_t number)
{
    if (buffer_printf(teller->out, "%llu", (unsigned long long)number))
        abort();
}

/* `count` different numbers below `limit`, which is a power of two: an odd step meets each once. */
static void draw_different(struct dice *dice, size_t count, size_t limit, size_t *out)
{
    const size_t start = dice_next(dice) % limit, step = dice_next(dice) % limit | 1;
    for (size_t i = 0; i < count; i++)
        out[i] = (start + i * step) % limit;
}

static void cast(struct teller *teller)
{
    size_t first[PEOPLE], last[PEOPLE], word[ORGANISATIONS], kind[ORGANISATIONS];
    draw_different(&teller->dice, PEOPLE, 32, first);
    draw_different(&teller->dice, PEOPLE, 32, last);
    draw_different(&teller->dice, ORGANISATIONS, 16, word);
    draw_different(&teller->dice, ORGANISATIONS, 8, kind);
    for (size_t i = 0; i < PEOPLE; i++) {
        teller->people[i].first = first_names[first[i]];
        teller->people[i].last = surnames[last[i]];
    }
    for (size_t i = 0; i < ORGANISATIONS; i++) {
        teller->firms[i].word = firm_words[word[i]];
        teller->firms[i].kind = firm_kinds[kind[i]];
    }
}

static void tell_person(struct teller *teller, size_t index)
{
    tell(teller, teller->people[index].first);
    tell(teller, " ");
    tell(teller, teller->people[index].last);
}

static void tell_firm(struct teller *teller, size_t index)
{
    tell(teller, teller->firms[index].word);
    tell(teller, " ");
    tell(teller, teller->firms[index].kind);
}

static void fill_in(struct teller *teller, char what)
{
    struct dice *dice = &teller->dice;
    switch (what) {
    case 'p':
        tell_person(teller, dice_next(dice) % PEOPLE);
        break;
    case 's':
        tell(teller, teller->people[dice_next(dice) % PEOPLE].last);
        break;
    case 'o':
        tell_firm(teller, dice_next(dice) % ORGANISATIONS);
        break;
    case 'n':
        tell_number(teller, dice_between(dice, 3, 58));
        break;
    case 'm':
        tell(teller, "$");
        tell_number(teller, dice_between(dice, 2, 90));
        tell(teller, dice_next(dice) % 2 ? " million" : "0,000");
        break;
    default:
        tell(teller, months[dice_next(dice) % (sizeof(months) / sizeof(months[0]))]);
    }
}

static void tell_sentence(struct teller *teller)
{
    const size_t at = teller->told++ % SENTENCES;
    for (size_t i = SENTENCES - 1; at == 0 && i > 0; i--) { /* all were told: shuffle */
        const size_t other = dice_next(&teller->dice) % (i + 1);
        const unsigned char kept = teller->order[i];
        teller->order[i] = teller->order[other];
        teller->order[other] = kept;
    }
    const char *text = sentences[teller->order[at]];
    for (const char *mark; (mark = strchr(text, '%')); text = mark + 2) {
        if (buffer_append(teller->out, text, (size_t)(mark - text)))
            abort();
        fill_in(teller, mark[1]);
    }
    tell(teller, text);
}

static void tell_section(struct teller *teller, size_t section)
{
    tell(teller, "\n\n## ");
    tell(teller, headings[section]);
    tell(teller, "\n\n");
    tell_person(teller, section);
    tell(teller, ", ");
    tell(teller, roles[section]);
    tell(teller, section < 4 ? " of " : " for ");
    tell_firm(teller, section < 4 ? 0 : section % ORGANISATIONS);
    tell(teller, ", put down the phone and looked at the clock.");
    for (size_t i = 1; i < SECTION_SENTENCES; i++) {
        tell(teller, i % PARAGRAPH_SENTENCES == 0 ? "\n\n" : " ");
        tell_sentence(teller);
    }
}

void case_text_append(struct buffer *out, const unsigned char seed[32])
{
    struct teller teller = {.out = out};
    memcpy(&teller.dice.state, seed, sizeof(teller.dice.state));
    for (size_t i = 0; i < SENTENCES; i++)
        teller.order[i] = (unsigned char)i;
    cast(&teller);
    tell(&teller, "# ");
    tell_firm(&teller, 0);
    tell(&teller, " and the Year of ");
    tell_number(&teller, dice_between(&teller.dice, 2, 9000));
    tell(&teller, " Decisions");
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        tell_section(&teller, i);
    tell(&teller, "\n");
}
