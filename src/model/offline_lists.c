/*
 * The general word lists, folded (small letters, no accents, no apostrophes). They hold what any
 * business text in English may contain, and the forms in which other languages' titles, particles
 * and companies appear in one; none knows of any particular case.
 */
#include "model/offline_words.h"

const struct word_list offline_word_lists[] = {
    /* Words that begin sentences, stand between names, or are capitalised by habit. */
    {WORD_STOP,
     "i im ive ill id me my mine we our ours us you your yours youre he him his she her hers it "
     "its they "
     "them their theirs who whom whose which what when where why how that this these those there "
     "here "
     "theres thats heres whats and or but nor so yet if then else than though although because "
     "since "
     "while until unless whether as of in on at by for from to into onto upon with without within "
     "about "
     "above below over under between among amongst against across along around before after behind "
     "beside besides beyond despite during except inside like near off out outside past per "
     "through "
     "throughout toward towards up down via not no yes never ever always often sometimes usually "
     "again "
     "also too very just only even still already soon later now once twice perhaps maybe however "
     "therefore thus hence meanwhile moreover furthermore nevertheless nonetheless otherwise "
     "instead "
     "indeed rather quite almost nearly today tomorrow yesterday tonight eventually finally "
     "initially "
     "originally recently currently previously subsequently unfortunately fortunately generally "
     "typically similarly likewise consequently accordingly additionally additional am is are was "
     "were "
     "be been being do does did done doing dont doesnt didnt has have had having hasnt havent can "
     "cannot cant could couldnt will would wont wouldnt shall should must may might let lets "
     "all any both each every either neither few many more most much several some such other "
     "others "
     "another same own one two three four five six seven eight nine ten eleven twelve thirteen "
     "twenty "
     "thirty forty fifty sixty hundred thousand million billion last "
     "next half nothing something anything everything nobody somebody anybody everybody everyone "
     "someone anyone none an a the ok okay please thanks thank sorry hello well oh ah hi hey dear "
     "sir "
     "madam according based due given regardless notwithstanding together apart aside nor amid "
     "suppose imagine assume ask tell remember think look listen come go get take give make put "
     "say "
     "see meet thank believe consider ensure unlike born "
     "whatever whoever whichever wherever whenever whereas whereby"},

    {WORD_HONORIFIC,
     "mr mrs ms miss mx dr prof professor sir dame lord lady madame mme mlle mademoiselle monsieur "
     "herr frau "
     "fraulein senor senora senorita don dona sr sra srta signor signora dott rev reverend fr "
     "father "
     "mother sister brother captain capt colonel col general lieutenant lt sergeant sgt major "
     "commander "
     "judge justice sheikh sheik imam rabbi pastor hon honourable honorable pan pani meneer "
     "mevrouw shri smt datuk tan sri puan encik tun haji baroness baron count countess prince "
     "princess "
     "king queen emperor pope saint maestro ustadh"},

    {WORD_TITLE,
     "ceo cfo coo cto cmo cio chro cpo cso cro ciso evp svp vp md gm hr chief executive officer "
     "general "
     "manager director president vice chairman chairwoman chair chairperson deputy assistant "
     "associate "
     "senior junior managing head lead principal partner founder cofounder co-founder professor "
     "chef "
     "secretary minister senator governor mayor ambassador commissioner councillor congressman "
     "congresswoman representative chancellor dean provost treasurer controller comptroller "
     "engineer "
     "analyst consultant coach nurse doctor detective inspector agent attorney lawyer counsel "
     "operations marketing finance financial sales technical technology human resources operating "
     "commercial information regional national global interim acting former emeritus emerita "
     "emeritus emerita superintendent foreman supervisor coordinator producer editor curator"},

    {WORD_ROLE,
     "ceo cfo coo cto cmo cio chro cpo cso cro ciso evp svp vp md gm chief officer manager "
     "director "
     "president chairman chairwoman chair chairperson deputy assistant head founder "
     "cofounder co-founder owner co-owner partner principal executive professor lecturer teacher "
     "researcher scientist engineer designer architect developer programmer analyst accountant "
     "auditor "
     "bookkeeper banker trader investor shareholder consultant adviser advisor lawyer solicitor "
     "attorney counsel barrister judge notary nurse doctor physician surgeon pharmacist dentist "
     "veterinarian psychologist therapist midwife farmer baker butcher cook chef waiter waitress "
     "server bartender cashier clerk secretary receptionist driver pilot sailor captain mechanic "
     "machinist technician electrician plumber carpenter welder foreman forewoman supervisor "
     "superintendent inspector coordinator planner buyer seller salesman saleswoman saleswomen "
     "editor journalist reporter writer "
     "author novelist blogger photographer filmmaker producer actor musician composer conductor "
     "artist "
     "painter sculptor curator librarian student graduate intern trainee apprentice worker "
     "operator "
     "employee colleague boss leader chief lead spokesman spokeswoman spokesperson representative "
     "delegate steward organiser organizer activist mayor minister senator governor commissioner "
     "councillor ambassador chancellor dean rector provost treasurer controller comptroller "
     "registrar "
     "trustee heir heiress successor predecessor priest pastor bishop rabbi imam monk nun soldier "
     "colonel general officer policeman policewoman firefighter coach trainer player athlete "
     "entrepreneur inventor pioneer industrialist economist statistician mathematician physicist "
     "chemist biologist microbiologist physiologist agronomist geologist historian sociologist "
     "philosopher brewer cheesemaker winemaker vintner distiller tailor weaver cobbler shoemaker "
     "jeweller watchmaker blacksmith gardener florist forester fisherman miner "
     "caretaker janitor cleaner guard guide interpreter translator negotiator mediator recruiter "
     "underwriter actuary strategist specialist expert member chairlady matriarch patriarch "
     "liaison "
     "patient tenant landlord landlady neighbour neighbor resident villager "
     "buyer widow widower veteran specialist generalist technologist scholar "
     "instructor tutor caregiver carer paramedic dispatcher controller surveyor valuer "
     "restaurateur "
     "hotelier shopkeeper storekeeper warehouseman packer picker seamstress machinist director "
     "financier billionaire millionaire philanthropist donor volunteer ombudsman arbitrator "
     "administrator bureaucrat diplomat statesman politician handyman man woman girl boy"},

    {WORD_KIN,
     "brother sister mother father son daughter husband wife uncle aunt cousin nephew niece "
     "grandfather "
     "grandmother grandson granddaughter stepfather stepmother stepson stepdaughter son-in-law "
     "daughter-in-law brother-in-law sister-in-law father-in-law mother-in-law twin friend fiance "
     "fiancee partner widow widower spouse mentor protege classmate roommate neighbour neighbor "
     "grandpa grandma great-uncle great-aunt great-grandfather great-grandmother"},

    {WORD_COMPANY, "inc incorporated ltd limited llc llp lp plc corp corporation co company gmbh "
                   "ag kg se sa sas sarl "
                   "srl spa sl bv nv ab as asa aps oy oyj kk kgaa ug pty pte bhd sdn jsc ooo zao "
                   "ao pjsc sro zrt kft "
                   "nyrt doo dd ad ead ood lda ltda eirl sca scop ev coop"},

    {WORD_ORGANISATION,
     "bank university universitat universite universidad college institute institut school academy "
     "hospital clinic group holding holdings partners partnership associates foundation fund trust "
     "ministry department agency authority commission committee council board bureau office court "
     "parliament senate congress assembly union federation association society club league "
     "alliance "
     "network consortium cooperative co-operative corporation company enterprises industries "
     "international capital ventures equity investments securities insurance assurance financial "
     "finance airlines airways air motors automotive aerospace electronics electric power energy "
     "water gas oil "
     "petroleum chemicals chemical pharma pharmaceuticals biotech therapeutics laboratories labs "
     "lab "
     "technologies technology tech systems software solutions services consulting consultants "
     "communications telecom media press publishing publications broadcasting studios pictures "
     "records "
     "entertainment games brands foods food beverages brewery breweries brewing dairies dairy "
     "bakery "
     "farms mills works steel metals mining mines materials plastics paper textiles apparel "
     "fashion "
     "stores supermarkets markets retail logistics shipping freight transport railways rail lines "
     "construction builders properties realty estates hotels resorts hospitality restaurants "
     "kitchen "
     "cafe coffee church cathedral museum library theatre theater orchestra ballet opera post "
     "service "
     "bros brothers sons manufacturing products precision engineering trading exports imports "
     "cycle cycles toys sports wines vineyards winery distillery creamery roasters seeds "
     "technik werke maschinenbau handel versicherung sparkasse banque banco banca "
     "caixa credit societe sociedad compagnie groep konzern "
     "components bearings tools instruments devices robotics semiconductor semiconductors "
     "nhs unicef unesco bbc cnn ibm police army navy"},

    {WORD_NAMED, "named"},
    {WORD_WHO, "who"},
    {WORD_OF, "of"},
    {WORD_ACCORDING, "according"},

    {WORD_PARTICLE,
     "van von der den de del della delle di da das dos do du des la le el al bin ibn bint ben ter "
     "ten "
     "te zu zur zum af av y e san santa st mac abu ould o ni nic ui vander vande lo"},

    {WORD_TIME,
     "january february march april may june july august september october november december jan "
     "feb mar "
     "apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday "
     "sunday mon "
     "tue wed thu fri sat sun spring summer autumn fall winter christmas easter thanksgiving "
     "ramadan "
     "diwali hanukkah passover halloween eid lent midsummer carnival q1 q2 q3 q4 h1 h2 fy today "
     "mondays tuesdays wednesdays thursdays fridays saturdays sundays millennium century"},

    {WORD_PLACE_NOUN,
     "street st avenue ave road rd lane boulevard blvd drive square plaza place highway route way "
     "court "
     "terrace row alley bridge tunnel station airport port harbour harbor dock quay pier canal "
     "river "
     "creek lake sea ocean gulf bay strait sound island islands isle peninsula cape beach coast "
     "shore "
     "mount mountain mountains hill hills valley canyon desert forest woods wood park garden "
     "gardens "
     "field fields farm county district province state region territory prefecture borough "
     "township "
     "town city village suburb quarter downtown uptown hotel inn house hall tower towers building "
     "centre center mall stadium arena castle palace abbey cathedral tower gate crossing junction "
     "heights springs falls rapids basin delta plain plains plateau ridge strasse platz gasse "
     "allee "
     "weg rue calle avenida praca piazza via straat gracht plein airport terminal campus estate "
     "kingdom republic union emirates states federation empire commonwealth"},

    /* What capitalised phrases that are nobody's name end in or are made of. */
    {WORD_THING,
     "quality total management score promoter net sales customer consumer product products project "
     "programme program plan strategy strategic option options phase stage step exhibit figure "
     "table "
     "appendix annex chapter section part page note case study report review survey index model "
     "method system process procedure policy standard act law code directive regulation rule rules "
     "article treaty agreement contract accord charter bill amendment protocol convention "
     "constitution "
     "war revolution crisis depression recession boom award prize medal cup championship olympics "
     "games tournament festival fair expo exhibition conference summit forum congress symposium "
     "week "
     "day night year month decade age era season anniversary birthday weekend hour morning evening "
     "internet web website online digital cloud mobile app application platform software hardware "
     "computer phone email mail letter memo memorandum book magazine newspaper times post journal "
     "news tribune herald gazette chronicle guardian telegraph economist bible koran torah "
     "lean six sigma agile scrum kaizen kanban green blue red black white yellow gold silver brown "
     "grey gray purple orange pink new old big small great little high low fast slow hot cold warm "
     "dry wet hard soft deep long short open closed free full empty fair true false right left "
     "good "
     "better best bad worse worst real smart clean clear bright dark light heavy rich poor strong "
     "weak "
     "safe simple super ultra mega max mini plus pro premium classic standard basic special "
     "limited "
     "edition version generation series range line model type class grade level tier unit units "
     "zero "
     "balance sheet income statement cash flow profit loss revenue cost costs price pricing margin "
     "earnings growth return returns investment asset assets debt loan loans bond bonds equity "
     "share "
     "shares stock stocks market markets marketing brand branding advertising promotion campaign "
     "budget forecast target goal goals objective objectives mission vision values value culture "
     "leadership innovation research development design production manufacturing operations supply "
     "chain logistics procurement purchasing inventory warehouse distribution retail wholesale "
     "service "
     "services support maintenance repair training education learning development safety health "
     "security environment sustainability carbon emissions climate energy water food housing "
     "business company industry sector economy trade commerce finance accounting tax audit risk "
     "compliance governance board committee team staff employee employees worker workers people "
     "human "
     "resources labor labour union strike wage wages salary bonus pension benefits work job jobs "
     "introduction background overview summary conclusion conclusions discussion questions "
     "question "
     "history future challenge challenges problem problems solution solutions issue issues "
     "decision "
     "decisions dilemma alternatives alternative choice choices recommendation recommendations "
     "analysis data information technology artificial intelligence machine science engineering "
     "offer proposal letter opposition merger acquisition partnership venture deal bid tender "
     "auction "
     "road ahead view views story interview dinner lunch breakfast meeting arithmetic numbers "
     "family families firm firms owner owners founder founders dealer dealers supplier suppliers "
     "network direct only two three four five one halfway house world internet first second third "
     "century millennium prime minister president presidential euro euros dollar dollars pound "
     "pounds "
     "yen franc rupee currency association agreement dream legacy journey rise fall end beginning "
     "land rover cruiser jet boeing airbus toyota honda ford bmw mercedes volkswagen facebook "
     "google "
     "amazon microsoft apple twitter instagram youtube whatsapp linkedin excel powerpoint iphone "
     "ipad "
     "android windows linux wikipedia covid covid-19 pandemic brexit eurovision nasdaq dow "
     "esg kpi roi ebitda gdp ipo erp crm sap iso mba phd bsc msc ba ma"},

    {WORD_SPEECH,
     "said says say saying asked asks told tells replied answered added argued argues explained "
     "explains remarked observed noted recalled remembered insisted conceded admitted acknowledged "
     "suggested proposed warned complained joked laughed sighed shouted whispered muttered "
     "murmured "
     "cried declared stated claimed maintained countered objected protested urged confessed "
     "concluded continued commented reflected wrote writes thought reckoned recounted responded "
     "interrupted agreed disagreed promised announced quipped pleaded snapped shrugged began "
     "repeated "
     "confided predicted confirmed denied mused replies adds argues explains recalls insists "
     "admits "
     "suggests proposes warns thinks writes remarks believes answers points notes observes agrees"},

    {WORD_HUMAN,
     "smiled nodded laughed frowned shrugged sat stood walked drove flew rode ran waited stared "
     "looked "
     "turned glanced watched listened heard felt knew believed hoped wanted wished feared worried "
     "wondered hesitated doubted suspected thought considered decided preferred disliked liked "
     "loved hated trusted "
     "respected admired remembered forgot learned learnt studied graduated trained qualified grew "
     "retired resigned married born died quit joined left became served worked spent led headed "
     "managed "
     "founded co-founded started hired fired recruited promoted appointed invited met knows "
     "believes "
     "thinks wants hopes fears feels joins leads runs manages reports reported pointed picked put "
     "opened closed folded pushed pulled held took gave brought carried read wrote drafted drew "
     "signed called telephoned phoned emailed visited travelled traveled arrived returned slept "
     "woke ate "
     "drank poured knocked leaned bent lifted unlocked tapped paused coughed apologised apologized "
     "volunteered refused declined undertook persuaded convinced estimated calculated "
     "earned owned owns inherited bought sold lived moved emigrated spoke speaks leaving "
     "described pressed favoured favored opposed championed supervised oversaw"},

    {WORD_WANT,
     "wanted wants want hoped hopes hope wished wishes wish aimed aims planned plans intended "
     "intends "
     "sought seeks insisted insists demanded demands pushed pushes pressed proposed proposes "
     "recommended recommends urged urges preferred prefers favoured favored favours favors argued "
     "argues promised promises vowed tried tries expected expects needed needs asked undertook "
     "determined "
     "longed dreamed dreamt opposed opposes "},

    {WORD_DECIDE, "decide decides decided deciding decision choose chooses choosing choice wonder "
                  "wondered wondering weigh "
                  "weighed weighing recommend recommendation answer conclude resolve determine "
                  "consider considered "
                  "considering hesitated deadline option options"},

    {WORD_AUXILIARY,
     "had has was is were did does would could should might must may will never not also always "
     "often "
     "once still now then later soon only just again simply quietly slowly himself herself both "
     "already even have been finally eventually"},

    {WORD_WHERE,
     "in near across throughout outside into inside around within via toward towards over"},
    {WORD_TOWARDS, "at from to through off onto"},
    {WORD_ARTICLE, "the a an this that these those its their our your no any every each some "
                   "another such first second new old all most many several"},
    {WORD_PRONOUN, "he she his her him himself herself"},

    {WORD_ABBREVIATION,
     "mr mrs ms mx dr prof sr jr st rev fr hon capt col lt sgt gen gov sen rep mme mlle srta sra "
     "dott "
     "inc ltd corp co no vs eg ie etc approx est dept fig vol ed eds al cf ca pp p "
     "jan feb mar apr jun jul aug sep sept oct nov dec mt ft ave blvd rd"},

    {WORD_ANALYTICAL,
     "calculated calculation analysed analyzed analysis estimated estimate forecast figures "
     "numbers "
     "data model statistics measured measure reckoned arithmetic percentage evidence study studied "
     "research calculations estimates compared comparison report computed column columns budget "
     "sums spreadsheet cost costs financial finance accountant doctorate engineer engineering"},
    {WORD_CREATIVE,
     "design designed designer invented invention idea ideas imagined imagination prototype "
     "prototypes "
     "sketch sketched innovation innovative novel experiment experimented tried created creative "
     "launched vision artist film films recipe developed concept brand story stories introduced "
     "pioneer proposed drew"},
    {WORD_ASSERTIVE,
     "insisted demanded refused pushed pressed warned challenged ordered forced decided declared "
     "objected protested rejected threatened argued confronted told must never negotiated "
     "announced "
     "opposed fought led commanded resign stopped blunt"},
    {WORD_COLLABORATIVE,
     "together team helped help shared share agreed partner partners colleague colleagues joined "
     "listened invited consulted cooperated co-operated met supported support suggested trust "
     "trusted "
     "mediated taught mentor community members people friend friends worked understood"},
    {WORD_DETAILED, "detail details checked check counted list listed inspected audit audited "
                    "record records document "
                    "documents carefully exactly precise precisely schedule procedure quality "
                    "inspection notes noted "
                    "table tables memorandum contract tracked tested reviewed page pages counting "
                    "rules logged step"},
    {0, NULL},
};
