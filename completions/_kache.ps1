
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'kache' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'kache'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'kache' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Have cargo call kache, and prove that it does')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check whether all is well, and put right what is not')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Show what the cache did: hits, misses and why, time saved, bytes, the store''s size')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is in the store')
            [CompletionResult]::new('why-miss', 'why-miss', [CompletionResultType]::ParameterValue, 'Tell why a crate was compiled and not served from the store')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Remove what was not used for longest, and what nothing refers to')
            [CompletionResult]::new('purge', 'purge', [CompletionResultType]::ParameterValue, 'Remove everything, or all of one crate')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Have cargo call the compiler alone again, and remove what init made')
            [CompletionResult]::new('self-update', 'self-update', [CompletionResultType]::ParameterValue, 'Replace this program by the newest release, if the installer put it here')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show every setting, its value, and where it came from')
            [CompletionResult]::new('daemon', 'daemon', [CompletionResultType]::ParameterValue, 'Show how the daemon is; start and stop it')
            [CompletionResult]::new('try', 'try', [CompletionResultType]::ParameterValue, 'Build a workspace with and without kache in a temporary directory, and compare')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print what a shell needs to complete these commands')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;init' {
            [CompletionResult]::new('--wrapper-path', '--wrapper-path', [CompletionResultType]::ParameterName, 'How cargo''s configuration names this program')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do it without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do it without asking')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be done, and do nothing; ends with 2 if there is something to do')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done, and do nothing; ends with 2 if there is something to do')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check')
            [CompletionResult]::new('--no-service', '--no-service', [CompletionResultType]::ParameterName, 'Leave the login service out')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Start the service when the machine starts, and not at login: for machines that build with nobody logged in')
            [CompletionResult]::new('--undo', '--undo', [CompletionResultType]::ParameterName, 'Take back what earlier runs of init did')
            [CompletionResult]::new('--allow-root', '--allow-root', [CompletionResultType]::ParameterName, 'Go on as root in the place of another user (sudo)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'kache;doctor' {
            [CompletionResult]::new('--fix', '--fix', [CompletionResultType]::ParameterName, 'Put right what can be, after showing what would be done')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'Change files of the repository here as well, where they set sccache')
            [CompletionResult]::new('--purge-sccache', '--purge-sccache', [CompletionResultType]::ParameterName, 'Remove sccache''s own cache from this disk as well')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do it without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do it without asking')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be put right, and do nothing; ends with 2 if there is something')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be put right, and do nothing; ends with 2 if there is something')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Read the whole store again, and take out of service what is not as it was stored')
            [CompletionResult]::new('--rebuild-index', '--rebuild-index', [CompletionResultType]::ParameterName, 'Make the index anew from the store')
            [CompletionResult]::new('--online', '--online', [CompletionResultType]::ParameterName, 'Ask for the newest release as well; nothing else leaves this machine')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Print what to send along with a report of a defect: without the names of the user, the home and the project')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; asks nothing, so --fix then goes with -y or --check')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;stats' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only what happened within this time, such as 24h or 7d; records are kept for 30 days')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of tables')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;list' {
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'In which order')
            [CompletionResult]::new('--inputs', '--inputs', [CompletionResultType]::ParameterName, 'Show what each entry depends on and how that was learnt, instead of how large it is')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'kache;why-miss' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;gc' {
            [CompletionResult]::new('--max-age', '--max-age', [CompletionResultType]::ParameterName, 'Remove entries that were not used for this long, such as 7d, even if there is room for them')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Keep what was made or used within this time: a build that is running may need it')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be removed, and remove nothing')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('--automatic', '--automatic', [CompletionResultType]::ParameterName, 'Started by a build: say nothing, and do nothing unless there is a need')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;purge' {
            [CompletionResult]::new('--crate-name', '--crate-name', [CompletionResultType]::ParameterName, 'Only the entries of this crate or package')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be removed, and remove nothing')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;uninstall' {
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do it without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do it without asking')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be done, and do nothing; ends with 2 if there is something to do')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done, and do nothing; ends with 2 if there is something to do')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check')
            [CompletionResult]::new('--purge', '--purge', [CompletionResultType]::ParameterName, 'Remove the store, the records, and the journal of what was changed as well')
            [CompletionResult]::new('--allow-root', '--allow-root', [CompletionResultType]::ParameterName, 'Go on as root in the place of another user (sudo)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;self-update' {
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do it without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do it without asking')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be done, and do nothing; ends with 2 if there is something to do')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done, and do nothing; ends with 2 if there is something to do')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;config' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the daemon here, until it is stopped')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how it is, as `kache daemon` alone does')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start it, if it does not run')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'Stop it')
            [CompletionResult]::new('restart', 'restart', [CompletionResultType]::ParameterValue, 'Start its program anew; requests that come meanwhile wait and are answered')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Start it at every login, and now')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Stop starting it at login, and end it')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the end of its log')
            [CompletionResult]::new('preflight', 'preflight', [CompletionResultType]::ParameterValue, 'Say that this binary can run here, and what it is')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;daemon;run' {
            [CompletionResult]::new('--supervised', '--supervised', [CompletionResultType]::ParameterName, 'Who starts it again when it ends')
            [CompletionResult]::new('--exe', '--exe', [CompletionResultType]::ParameterName, 'The path to look at for another version')
            [CompletionResult]::new('--handover', '--handover', [CompletionResultType]::ParameterName, 'What the version before this one passed on')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;status' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;start' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;stop' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;restart' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;install' {
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be changed, and change nothing; ends with 2 if there is something to change')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be changed, and change nothing; ends with 2 if there is something to change')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;uninstall' {
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be changed, and change nothing; ends with 2 if there is something to change')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Show what would be changed, and change nothing; ends with 2 if there is something to change')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;log' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'How many lines')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'How many lines')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;preflight' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;daemon;help' {
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the daemon here, until it is stopped')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how it is, as `kache daemon` alone does')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start it, if it does not run')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'Stop it')
            [CompletionResult]::new('restart', 'restart', [CompletionResultType]::ParameterValue, 'Start its program anew; requests that come meanwhile wait and are answered')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Start it at every login, and now')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Stop starting it at login, and end it')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the end of its log')
            [CompletionResult]::new('preflight', 'preflight', [CompletionResultType]::ParameterValue, 'Say that this binary can run here, and what it is')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;daemon;help;run' {
            break
        }
        'kache;daemon;help;status' {
            break
        }
        'kache;daemon;help;start' {
            break
        }
        'kache;daemon;help;stop' {
            break
        }
        'kache;daemon;help;restart' {
            break
        }
        'kache;daemon;help;install' {
            break
        }
        'kache;daemon;help;uninstall' {
            break
        }
        'kache;daemon;help;log' {
            break
        }
        'kache;daemon;help;preflight' {
            break
        }
        'kache;daemon;help;help' {
            break
        }
        'kache;try' {
            [CompletionResult]::new('--remove-after', '--remove-after', [CompletionResultType]::ParameterName, 'Remove the temporary directory DIR when standard input ends')
            [CompletionResult]::new('--release', '--release', [CompletionResultType]::ParameterName, 'Build with optimizations')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of a table')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Leave the temporary directory where it is, with the store and the last build')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'kache;help' {
            [CompletionResult]::new('init', 'init', [CompletionResultType]::ParameterValue, 'Have cargo call kache, and prove that it does')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check whether all is well, and put right what is not')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Show what the cache did: hits, misses and why, time saved, bytes, the store''s size')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is in the store')
            [CompletionResult]::new('why-miss', 'why-miss', [CompletionResultType]::ParameterValue, 'Tell why a crate was compiled and not served from the store')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Remove what was not used for longest, and what nothing refers to')
            [CompletionResult]::new('purge', 'purge', [CompletionResultType]::ParameterValue, 'Remove everything, or all of one crate')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Have cargo call the compiler alone again, and remove what init made')
            [CompletionResult]::new('self-update', 'self-update', [CompletionResultType]::ParameterValue, 'Replace this program by the newest release, if the installer put it here')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show every setting, its value, and where it came from')
            [CompletionResult]::new('daemon', 'daemon', [CompletionResultType]::ParameterValue, 'Show how the daemon is; start and stop it')
            [CompletionResult]::new('try', 'try', [CompletionResultType]::ParameterValue, 'Build a workspace with and without kache in a temporary directory, and compare')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print what a shell needs to complete these commands')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'kache;help;init' {
            break
        }
        'kache;help;doctor' {
            break
        }
        'kache;help;stats' {
            break
        }
        'kache;help;list' {
            break
        }
        'kache;help;why-miss' {
            break
        }
        'kache;help;gc' {
            break
        }
        'kache;help;purge' {
            break
        }
        'kache;help;uninstall' {
            break
        }
        'kache;help;self-update' {
            break
        }
        'kache;help;config' {
            break
        }
        'kache;help;daemon' {
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run the daemon here, until it is stopped')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how it is, as `kache daemon` alone does')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start it, if it does not run')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'Stop it')
            [CompletionResult]::new('restart', 'restart', [CompletionResultType]::ParameterValue, 'Start its program anew; requests that come meanwhile wait and are answered')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Start it at every login, and now')
            [CompletionResult]::new('uninstall', 'uninstall', [CompletionResultType]::ParameterValue, 'Stop starting it at login, and end it')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Print the end of its log')
            [CompletionResult]::new('preflight', 'preflight', [CompletionResultType]::ParameterValue, 'Say that this binary can run here, and what it is')
            break
        }
        'kache;help;daemon;run' {
            break
        }
        'kache;help;daemon;status' {
            break
        }
        'kache;help;daemon;start' {
            break
        }
        'kache;help;daemon;stop' {
            break
        }
        'kache;help;daemon;restart' {
            break
        }
        'kache;help;daemon;install' {
            break
        }
        'kache;help;daemon;uninstall' {
            break
        }
        'kache;help;daemon;log' {
            break
        }
        'kache;help;daemon;preflight' {
            break
        }
        'kache;help;try' {
            break
        }
        'kache;help;completions' {
            break
        }
        'kache;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
