//! `ferrule completion`.

use crate::ferrule;

#[test]
fn there_is_a_script_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = ferrule(&["completion", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        for command in ["eval", "render", "selector", "validate"] {
            assert!(ran.stdout.contains(command), "{shell} does not know {command}");
        }
        let json = ferrule(&["completion", shell, "--output", "json"]).json();
        assert_eq!(
            (json["shell"].as_str(), json["script"].as_str()),
            (Some(shell), Some(ran.stdout.as_str()))
        );
    }
    assert_eq!(ferrule(&["completion", "abacus"]).code, Some(2));
}
