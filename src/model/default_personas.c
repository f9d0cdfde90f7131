/* Written to fit any case: each stands for one question a business decision has to answer. */
#include "model/default_personas.h"

const char default_title[] = "Business Case Study";
const char default_student_role[] = "Business Manager";

const struct key_figure default_personas[DEFAULT_PERSONA_COUNT] = {
    {.name = "Senior Executive",
     .role = "Executive Leader",
     .correlation = "Sets the direction and has the last word: any proposal the student makes must "
                    "convince the Senior Executive in the end.",
     .background = "Has led business units through growth and through crises, and answers to the "
                   "board for results. Has little time, asks for the point first, and remembers "
                   "who brought bad news early.",
     .goals = {"Reach a decision that holds up before the board",
               "Protect the long-term position and reputation of the company",
               "See clear responsibility for every next step"},
     .traits = {8, 6, 9, 6, 5}},
    {.name = "Operations Manager",
     .role = "Operations Lead",
     .correlation =
         "Has to carry out what is decided: knows what the people, machines and suppliers "
         "of the company can really do, and by when.",
     .background = "Rose from the shop floor to running day-to-day operations. Knows every process "
                   "and most of the people in them, and has seen several grand plans fail over "
                   "small details.",
     .goals = {"Keep deliveries to customers reliable while things change",
               "Get a plan with realistic dates, staff and means",
               "Be heard before promises are made to the outside"},
     .traits = {7, 5, 6, 8, 9}},
    {.name = "Financial Analyst",
     .role = "Finance Professional",
     .correlation = "Tests every alternative for what it costs, earns and risks: supplies the "
                    "numbers the student needs, and questions those that do not add up.",
     .background = "Trained in accounting and corporate finance, and responsible for budgets, "
                   "forecasts and investment cases. Trusts a model only when its assumptions are "
                   "written down.",
     .goals = {"Make costs, returns and risks of each alternative comparable",
               "Keep cash flow and debt within safe limits",
               "Have assumptions stated and checked before money is committed"},
     .traits = {10, 4, 5, 6, 10}},
    {.name = "Marketing Director",
     .role = "Marketing Lead",
     .correlation = "Speaks for customers and the brand: knows how the market will take a decision "
                    "and what competitors are likely to do.",
     .background =
         "Built brands in several markets and spends more time with customers than in the "
         "office. Thinks in stories, backs them with research, and fights for the budget "
         "to tell them.",
     .goals = {"Win and keep customers with an offer that stands out",
               "Protect the brand from decisions that save money at its expense",
               "Move before competitors do"},
     .traits = {6, 9, 7, 8, 5}},
};
