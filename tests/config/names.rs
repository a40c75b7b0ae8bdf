//! Names of keys and of tables.

use super::*;

refused! {
    an_unknown_key_suggests_the_nearest: "listener = \"platform\"" => "listener = \"platform\"\nlistner = \"x\" #!",
        "trunks.teams.listner", "unknown key; did you mean \"listener\"?";
    an_unknown_key_like_no_other_lists_the_known: "name = \"t\"" => "name = \"t\"\ncolour = 1 #!",
        "node.colour", "unknown key; known here: control, drain_s, name, state_dir";
    an_unknown_table_suggests_the_nearest: "[limits]" => "[network.x] #!\nbind = \"1.2.3.4\"\n[limits]",
        "network", "did you mean \"networks\"?";
    an_unknown_key_of_an_inline_table_is_found: "{ trunk = \"south\" }]" => "{ trunk = \"south\", wieght = 3 }] #!",
        "groups.pstn.members[1].wieght", "did you mean \"weight\"?";
    a_table_name_that_is_no_label_is_refused: "[limits]" => "[trust.\"my roots\"] #!\nroots = \"system\"\n[limits]",
        "trust.\"my roots\"", "is no name; a name has 1 to 64 letters";
    a_group_may_not_be_called_like_a_trunk: "[groups.pstn]" => "[groups.south] #!\nmembers = [{ trunk = \"north\" }]\n[groups.pstn]",
        "groups.south", "write another name for the group";
    two_routes_of_one_name_are_refused: "[[routes]]\nfrom = \"pstn\"\nto = [\"teams\"]\n[[routes]]" => "[[routes]]\nname = \"r\"\nfrom = \"pstn\"\nto = [\"teams\"]\n[[routes]]\nname = \"r\" #!",
        "routes[1].name", "routes[0] has this name too; write another one";
}
