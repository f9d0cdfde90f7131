"""The reply of POST /api/parse-pdf/, in the shape that clients read."""

TRAITS = {"analytical", "creative", "assertive", "collaborative", "detail_oriented"}


def names(reply):
    return {figure["name"] for figure in reply.json()["ai_result"]["key_figures"]}


def degraded_parts(reply):
    return {part.strip() for part in (reply["X-Degraded"] or "").split(",")} - {""}


def check_text(value):
    assert type(value) is str
    assert "\0" not in value and "\ufffd" not in value


def check_figure(figure):
    assert set(figure) >= {
        "name", "role", "correlation", "background", "primary_goals", "personality_traits",
        "is_main_character"}
    for key in ("name", "role", "correlation", "background"):
        check_text(figure[key])
    assert figure["name"]
    assert figure["primary_goals"]
    for goal in figure["primary_goals"]:
        check_text(goal)
    assert set(figure["personality_traits"]) == TRAITS
    for trait in figure["personality_traits"].values():
        assert type(trait) is int and 0 <= trait <= 10
    assert figure["is_main_character"] is False


def check_scene(scene, order, figure_names):
    assert set(scene) >= {
        "title", "description", "personas_involved", "user_goal", "goal", "sequence_order",
        "image_url", "successMetric"}
    check_text(scene["description"])  # "" where there is hardly any text to take it from
    for key in ("title", "user_goal", "goal", "successMetric"):
        check_text(scene[key])
        assert scene[key]
    assert scene["sequence_order"] == order and type(scene["sequence_order"]) is int
    check_text(scene["image_url"])
    assert len(set(scene["personas_involved"])) == len(scene["personas_involved"])
    assert set(scene["personas_involved"]) <= figure_names
    assert scene["personas_involved"] or not figure_names


def check_result(reply):
    """Everything that holds of any reply with a result, which is returned. What is degraded is said
    so in the body and in the header, and why."""
    assert reply.status == 200
    assert reply["Content-Type"].partition(";")[0] == "application/json"
    body = reply.json()
    assert body["status"] == "completed"
    assert body["scenario_id"] is None
    degraded = degraded_parts(reply)
    assert degraded <= {"parse", "context", "analysis", "scenes", "images"}
    assert body.get("degraded", False) is bool(degraded)
    warnings = body.get("warnings", [])
    assert all(type(w) is str and w for w in warnings)
    assert warnings or not degraded

    result = body["ai_result"]
    assert set(result) >= {
        "title", "description", "student_role", "key_figures", "personas", "scenes",
        "learning_outcomes"}
    for key in ("title", "description", "student_role"):
        check_text(result[key])
    assert result["title"]
    assert result["personas"] == result["key_figures"]
    for figure in result["key_figures"]:
        check_figure(figure)
    figure_names = names(reply)
    assert len(figure_names) == len(result["key_figures"]), "a figure is there twice"
    for order, scene in enumerate(result["scenes"], 1):
        check_scene(scene, order, figure_names)
    assert len(result["learning_outcomes"]) == 5
    for number, outcome in enumerate(result["learning_outcomes"], 1):
        assert outcome.startswith(f"{number}. ") and len(outcome) > 3
    return result
